// The trials as rows: only those in sight exist.
const COLUMNS = [
  { key: "verdict", title: "Verdict", width: 106, order: (i) => RANK[word("verdict", i)], cell: (i) => chip(word("verdict", i)), text: (i) => word("verdict", i), always: true, down: true },
  { key: "name", title: "Name", width: 380, order: (i) => names[i], text: (i) => names[i], off: true },
  { key: "suite", title: "Suite", width: 110, off: true },
  { key: "server", title: "Server", width: 96 },
  { key: "persistence", title: "Persistence", width: 170, text: (i) => word("place", i) },
  { key: "storage", title: "Storage", width: 80, off: true },
  { key: "workload", title: "Workload", width: 92 },
  { key: "fault", title: "Fault", width: 190 },
  { key: "class", title: "Kind of fault", width: 140, text: (i) => CLASSES[word("class", i)] ?? word("class", i), off: true },
  { key: "engine", title: "Engine", width: 80, off: true },
  { key: "seed", title: "Seed", width: 50, order: (i) => data.seed[i], number: true, off: true },
  { key: "lost", title: "Lost", width: 78, order: (i) => data.lost[i], cell: (i) => el("span", { class: data.lost[i] ? "lossy" : "quiet" }, unreadAt(i) ? "not read" : count(data.lost[i])), text: (i) => data.lost[i], number: true },
  { key: "share", title: "Share", width: 62, order: (i) => data.share[i], cell: (i) => percent(data.share[i]), text: (i) => data.share[i] / 10_000, number: true, off: true },
  { key: "acknowledged", title: "Written", width: 76, order: (i) => data.acknowledged[i], cell: (i) => count(data.acknowledged[i]), text: (i) => data.acknowledged[i], number: true },
  { key: "in_doubt", title: "In doubt", width: 72, order: (i) => data.in_doubt[i], cell: (i) => count(data.in_doubt[i]), text: (i) => data.in_doubt[i], number: true, off: true },
  { key: "shape", title: "Shape", width: 96, cell: (i) => (word("shape", i) === "none" ? "" : [word("lost_at", i) ? lossGlyph(word("lost_at", i)) : "", " " + word("shape", i)]), text: (i) => word("shape", i) },
  { key: "anomalies", title: "Anomalies", width: 200, off: true },
  { key: "window_ms", title: "Window", width: 78, order: (i) => data.window_ms[i] ?? -1, cell: (i) => ms(data.window_ms[i]), text: (i) => data.window_ms[i] ?? "", number: true },
  { key: "recovery_ms", title: "Recovery", width: 78, order: (i) => data.recovery_ms[i] ?? Infinity, cell: (i) => ms(data.recovery_ms[i]), text: (i) => data.recovery_ms[i] ?? "", number: true },
  { key: "p99_ms", title: "p99", width: 70, order: (i) => data.p99_ms[i] ?? -1, cell: (i) => ms(data.p99_ms[i]), text: (i) => data.p99_ms[i] ?? "", number: true, off: true },
  { key: "rate", title: "Per second", width: 82, order: (i) => data.rate[i] ?? -1, cell: (i) => (data.rate[i] == null ? "" : count(data.rate[i])), text: (i) => data.rate[i] ?? "", number: true, off: true },
  { key: "offset_ms", title: "Began at", width: 78, order: (i) => data.offset_ms[i], cell: (i) => ms(data.offset_ms[i]), text: (i) => data.offset_ms[i], number: true, off: true },
  { key: "duration_ms", title: "Took", width: 72, order: (i) => data.duration_ms[i], cell: (i) => ms(data.duration_ms[i]), text: (i) => data.duration_ms[i], number: true },
  { key: "attempt", title: "Attempt", width: 66, order: (i) => data.attempt[i], text: (i) => data.attempt[i], number: true, off: true },
  { key: "promise", title: "Promise", width: 130, off: true },
  { key: "message", title: "Message", width: 520, cell: (i) => tell(word("message", i), data.window_ms[i]), off: true },
];
const columnOf = (key) => COLUMNS.find((column) => column.key === key);
for (const column of COLUMNS) column.text ??= (i) => word(column.key, i);
const NARROW = ["verdict", "fault", "lost"];
const narrow = () => matchMedia("(max-width: 760px)").matches;
const columnsShown = () => {
  if (state.cols) return COLUMNS.filter((column) => column.always || state.cols.split(".").includes(column.key));
  return narrow() ? COLUMNS.filter((column) => NARROW.includes(column.key)) : COLUMNS.filter((column) => !column.off);
};
// A narrow row has two lines: what came of the trial, and which one it was.
const twoLines = () => narrow() && !state.cols;
const rowHeight = () => (twoLines() ? 50 : 30);
const grid = $("grid"), gridBody = $("gbody"), gridSpace = $("gspace");
let shown = [], gridLines = [], cursor = 0;
const folded = new Set();

const bySort = () => {
  if (state.sort === "worst") {
    // What needs a look comes first: failing trials, then known defects, then the greatest losses that are allowed.
    const grave = data.verdict.words.map((verdict) => Math.max(0, Math.min(3, RANK[verdict]) - 1));
    return (a, b) => grave[data.verdict.at[b]] - grave[data.verdict.at[a]] || data.lost[b] - data.lost[a] || a - b;
  }
  const down = state.sort.startsWith("-") ? -1 : 1;
  const column = columnOf(state.sort.replace(/^-/, "")) ?? columnOf("lost");
  if (column.order) {
    const keys = names.map((_, i) => column.order(i));
    return (a, b) => {
      const x = keys[a], y = keys[b];
      return (x < y ? -1 : x > y ? 1 : 0) * down || a - b;
    };
  }
  // Words are put in order once, not once for each comparison.
  const dim = column.key, place = new Map([...data[dim].words].sort().map((text, n) => [text, n]));
  const ranks = data[dim].words.map((text) => place.get(text));
  return (a, b) => (ranks[data[dim].at[a]] - ranks[data[dim].at[b]]) * down || a - b;
};
// All trials are put in order once for each wish; a filter leaves some of them out.
let sorting = { by: null, order: null };
const inOrder = () => {
  if (sorting.by !== state.sort) sorting = { by: state.sort, order: Uint32Array.from(names.keys()).sort(bySort()) };
  return sorting.order;
};
// What trials are grouped by: one with several anomalies is in the group of each.
const GROUPS = {
  finding: { keys: (i) => [data.finding[i] ?? -1], name: (key) => (key < 0 ? "kept" : data.causes[key]) },
  seed: { keys: (i) => [data.seed[i]], name: (key) => "seed " + key },
  anomaly: { keys: (i) => word("anomalies", i).split(" "), name: (key) => key || "none" },
};
const byWord = (dim) => ({ keys: (i) => [data[dim].at[i]], name: (key) => (dim === "class" ? CLASSES[data.class.words[key]] : data[dim].words[key]) || "none" });
// Rows of the grid: a number is a trial, anything else the head of a group.
const layOut = () => {
  if (!state.group) {
    gridLines = shown;
    return;
  }
  const groups = new Map();
  const { keys, name } = GROUPS[state.group] ?? byWord(state.group);
  for (const i of shown) for (const key of keys(i)) (groups.get(key) ?? groups.set(key, []).get(key)).push(i);
  gridLines = [];
  const compare = new Intl.Collator("en", { numeric: true }).compare;
  for (const [key, members] of [...groups].map(([key, members]) => [name(key), members]).sort(([a], [b]) => (state.group === "verdict" ? RANK[b] - RANK[a] : compare(a, b)))) {
    gridLines.push({ key, members });
    if (!folded.has(key)) for (const i of members) gridLines.push(i);
  }
};
const groupLine = (group) => {
  const tally = new Map();
  let lost = 0, share = 0;
  for (const i of group.members) {
    tally.set(word("verdict", i), (tally.get(word("verdict", i)) ?? 0) + 1);
    lost += data.lost[i];
    share = Math.max(share, data.share[i]);
  }
  const counts = [...tally].sort(([a], [b]) => RANK[b] - RANK[a]).flatMap(([verdict, n]) => [el("span", { class: "chip v-" + verdict }, `${count(n)} ${verdict}`), " "]);
  return el("span", { role: "gridcell", class: "gtitle" }, folded.has(group.key) ? "▸ " : "▾ ", el("b", {}, group.key), ` ${count(group.members.length)} `, ...counts, el("span", { class: "quiet" }, lost ? `${plural(lost, "write")} lost, at worst ${percent(share)}` : "nothing lost"));
};
const gridHeight = () => gridBody.clientHeight - $("ghead").offsetHeight;
const whichOne = (i) => el("span", { class: "which", role: "gridcell" }, [word("server", i), word("place", i), word("workload", i), "s" + data.seed[i]].join(" · "));
const drawRows = () => {
  const columns = columnsShown(), high = gridHeight(), tall = rowHeight(), two = twoLines();
  const first = Math.max(0, Math.floor(gridBody.scrollTop / tall) - 3);
  const last = Math.min(gridLines.length, first + Math.ceil(high / tall) + 6);
  const rows = [];
  for (let at = first; at < last; at++) {
    const line = gridLines[at], isTrial = typeof line === "number";
    const row = el("div", { class: "grow row" + (isTrial ? "" : " group") + (at === cursor ? " on" : ""), role: "row", id: "row-" + at, "aria-rowindex": at + 2, "aria-selected": at === cursor, "aria-expanded": isTrial ? null : String(!folded.has(line.key)), title: isTrial ? names[line] : null, "data-at": at },
      ...(isTrial ? columns.map((column) => el("span", { class: column.number ? "n" : "", role: "gridcell" }, (column.cell ?? column.text)(line))) : [groupLine(line)]), isTrial && two ? whichOne(line) : null);
    row.style.top = at * tall + "px";
    rows.push(row);
  }
  gridSpace.style.height = gridLines.length * tall + "px";
  gridSpace.replaceChildren(...rows);
  if (gridLines.length) grid.setAttribute("aria-activedescendant", "row-" + cursor);
  else gridSpace.append(el("p", { class: "quiet none" }, "No trial is like that."));
};
const drawHead = () => {
  const columns = columnsShown(), active = state.sort.replace(/^-/, ""), down = state.sort.startsWith("-");
  const flexible = ["persistence", "fault", "message", "anomalies", "name"];
  grid.style.setProperty("--columns", columns.map((column) => (flexible.includes(column.key) ? `minmax(${narrow() ? 80 : column.width}px,${column.width}fr)` : (narrow() ? (column.key === "verdict" ? 98 : 70) : column.width) + "px")).join(" "));
  grid.classList.toggle("two", twoLines());
  $("gwide").style.minWidth = narrow() && !state.cols ? "0" : columns.reduce((sum, column) => sum + column.width + 14, 24) + "px";
  $("ghead").replaceChildren(...columns.map((column) => el("span", { class: column.number ? "n" : "", role: "columnheader", "aria-sort": column.key === active ? (down ? "descending" : "ascending") : "none" },
    button(column.title + (column.key === active ? (down ? " ↓" : " ↑") : ""), () => {
      const fresh = (column.number || column.down ? "-" : "") + column.key;
      // Down, up, and back to what needs a look first.
      const other = fresh.startsWith("-") ? column.key : "-" + column.key;
      state.sort = state.sort === fresh ? other : state.sort === other ? "worst" : fresh;
      refresh();
    }, { "data-sort": column.key }))));
  grid.setAttribute("aria-rowcount", gridLines.length + 1);
  grid.setAttribute("aria-colcount", columns.length);
};
const refresh = () => {
  shown = filtered(inOrder());
  layOut();
  cursor = Math.max(0, state.trial ? gridLines.indexOf(numberOf(state.trial)) : 0);
  $("count").textContent = shown.length === total ? plural(total, "trial") : `${count(shown.length)} of ${plural(total, "trial")}`;
  $("order").textContent = state.sort === "worst" ? "gravest first" : "";
  if ($("q").value !== state.q) $("q").value = state.q;
  for (const select of document.querySelectorAll("select[data-dim]")) select.value = state[select.dataset.dim];
  for (const node of document.querySelectorAll("button[data-verdict]")) node.setAttribute("aria-pressed", state.verdict === node.dataset.verdict);
  $("group").value = state.group;
  $("finding-note").hidden = !state.finding;
  $("finding-note").replaceChildren("of one finding ", button("all findings", () => show({ finding: "" })));
  for (const box of $("columns-list").querySelectorAll("input")) box.checked = columnsShown().some((column) => column.key === box.value);
  drawHead();
  gridBody.scrollTop = 0;
  drawRows();
  writeAddress();
};
// Changes the filter, and brings the trials into sight.
const show = (change) => {
  Object.assign(state, change);
  refresh();
  jump("trials");
};
const moveCursor = (step) => {
  if (!gridLines.length) return;
  cursor = Math.max(0, Math.min(gridLines.length - 1, cursor + step));
  const tall = rowHeight(), top = cursor * tall;
  if (top < gridBody.scrollTop) gridBody.scrollTop = top;
  else if (top + tall > gridBody.scrollTop + gridHeight()) gridBody.scrollTop = top + tall - gridHeight();
  drawRows();
};
const act = (at) => {
  const line = gridLines[at];
  if (typeof line === "number") return openTrial(line);
  if (!line) return;
  if (!folded.delete(line.key)) folded.add(line.key);
  cursor = at;
  layOut();
  drawRows();
};
const startGrid = () => {
  for (const select of document.querySelectorAll("select[data-dim]")) {
    const dim = select.dataset.dim;
    const words = dim === "anomaly" ? anomalyWords : dim === "seed" ? [...new Set(data.seed)].sort((a, b) => a - b).map(String) : dim === "verdict" ? [...data.verdict.words].sort((a, b) => RANK[b] - RANK[a]) : sorted(dim);
    options(select, words, "any " + (dim === "class" ? "kind of fault" : dim));
    if (dim === "class") for (const option of select.options) if (option.value) option.textContent = CLASSES[option.value] ?? option.value;
    // An axis with one word has nothing to choose, unless an address asks for another.
    select.hidden = words.length < 2;
    select.addEventListener("change", () => {
      state[dim] = select.value;
      refresh();
    });
  }
  const groups = ["verdict", "finding", "suite", "server", "persistence", "storage", "workload", "class", "fault", "seed", "engine", "shape", "anomaly", "promise"];
  options($("group"), groups, "nothing");
  $("group").addEventListener("change", () => {
    state.group = $("group").value;
    folded.clear();
    refresh();
  });
  for (const column of COLUMNS.filter((one) => !one.always)) {
    $("columns-list").append(el("label", {}, el("input", { type: "checkbox", value: column.key }), " " + column.title));
  }
  $("columns-list").addEventListener("change", () => {
    state.cols = [...$("columns-list").querySelectorAll("input:checked")].map((box) => box.value).join(".");
    if (!state.cols) state.cols = "verdict";
    refresh();
  });
  $("more").addEventListener("click", () => $("more").setAttribute("aria-expanded", $("axes").classList.toggle("open")));
  $("q").addEventListener("input", () => {
    state.q = $("q").value;
    refresh();
  });
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  $("clear").addEventListener("click", () => {
    Object.assign(state, NO_FILTER);
    refresh();
  });
  for (const node of document.querySelectorAll("button[data-verdict]")) {
    node.addEventListener("click", () => show({ verdict: state.verdict === node.dataset.verdict ? "" : node.dataset.verdict }));
  }
  for (const node of document.querySelectorAll("button[data-finding]")) {
    node.addEventListener("click", () => show({ ...NO_FILTER, finding: node.dataset.finding }));
  }
  gridBody.addEventListener("click", (event) => {
    const row = event.target.closest(".row");
    if (row) act(Number(row.dataset.at));
  });
  gridBody.addEventListener("scroll", drawRows, { passive: true });
  if (data.untold) $("untold").textContent = `The page holds the details of the most telling trials; those of ${plural(data.untold, "lossy trial")} more are in report.json.`;
};
