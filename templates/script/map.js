// The survival map: a canvas that shows as much as is in sight, and a table behind it that says the same.
const mapFrame = $("map-frame"), mapCanvas = $("map-canvas"), mapSpace = $("map-space"), mapTable = $("map-table");
const mapPick = { class: $("map-class"), suite: $("map-suite"), server: $("map-server"), storage: $("map-storage"), workload: $("map-workload") };
// Heads of groups, and rows with and without a loss.
const GROUP = 44, LOSSY = 51, CALM = 34;
let map = { lines: [], columns: [], cell: null, height: 0, top: 0 };
const title = (text) => text[0].toUpperCase() + text.slice(1);
const kindName = (kind) => title(CLASSES[kind] ?? kind);

const readMap = () => {
  const chosen = Object.entries(mapPick).filter(([, select]) => select.value).map(([dim, select]) => [data[dim].at, data[dim].words.indexOf(select.value)]);
  const accept = (i) => chosen.every(([at, wanted]) => at[i] === wanted);
  const byFault = gather("fault", accept), byKind = gather("class", accept);
  // A fault is of one kind, but for trials whose policy was not in force: they are of theirs, and are listed with their fault.
  const kindOfFault = new Map();
  for (let i = 0; i < total; i++) if (word("class", i) !== "policy" || !kindOfFault.has(word("fault", i))) kindOfFault.set(word("fault", i), word("class", i));
  const columns = [...new Set([...byFault.values()].flatMap((cells) => [...cells.keys()]))].sort();
  const lines = [];
  const add = (line) => lines.push({ y: 0, cells: null, ...line });
  const addRow = (line, cells) => {
    const row = { ...line, cells };
    for (const cell of cells.values()) cell.line = row;
    row.weight = Math.max(...[...cells.values()].map((cell) => (GRAVITY[kindOf(cell)] ?? 0) * 20_000 + shareOf(cell)));
    row.high = [...cells.values()].some((cell) => cell.runs && data.lost[cell.worst]) ? LOSSY : CALM;
    return row;
  };
  const kinds = Object.keys(CLASSES).concat(data.class.words.filter((kind) => !CLASSES[kind])).filter((kind) => byKind.has(kind));
  if (kinds.length > 1) {
    add({ head: "At a glance", says: "the worst of each kind of fault", high: GROUP });
    for (const kind of kinds) lines.push(addRow({ name: kindName(kind), kind, sum: true }, byKind.get(kind)));
  }
  for (const kind of kinds) {
    const rows = [...byFault].filter(([fault]) => (mapPick.class.value || kindOfFault.get(fault)) === kind).map(([fault, cells]) => addRow({ name: fault, fault }, cells));
    rows.sort((a, b) => ($("map-order").value === "worst" ? b.weight - a.weight : 0) || (a.name < b.name ? -1 : 1));
    if (!rows.length) continue;
    const calm = rows.filter((row) => row.high === CALM).length;
    add({ head: kindName(kind), says: `${plural(rows.length, "fault")}${calm ? `, ${count(calm)} without a loss` : ""}`, kind, high: GROUP });
    lines.push(...rows);
  }
  let y = 0;
  for (const line of lines) {
    line.y = y;
    y += line.high;
  }
  map = { lines, columns, cell: null, height: y, top: 0 };
  const proven = [...byFault.values()].flatMap((cells) => [...cells.values()]).filter((cell) => cell.runs);
  const said = [["broken", "broke a promise"], ["known", "show a listed defect"], ["allowed", "lost what they may"], ["kept", "lost nothing"]].map(([kind, what]) => [proven.filter((cell) => kindOf(cell) === kind).length, what]);
  $("map-sum").textContent = `${plural(proven.length, "combination")} put to the test: ${said.filter(([n]) => n).map(([n, what]) => count(n) + " " + what).join(", ")}.`;
  $("map-says").textContent = "Point at a cell, or walk the map with Tab and the arrow keys. Click or Enter shows its trials; the name of a group shows it alone.";
  mapFrame.scrollTop = 0;
  fillMapTable(0);
  sizeMap();
  paintMap();
};
const pointAt = (cell) => {
  if (map.cell === cell) return;
  map.cell = cell;
  if (cell) $("map-says").replaceChildren(el("b", {}, `${cell.persistence} × ${cell.line.name}`), ": " + cellText(cell) + ".");
  paintMap();
};
const showCell = (cell) => {
  const chosen = Object.fromEntries(Object.entries(mapPick).map(([dim, select]) => [dim, select.value]));
  show({ ...NO_FILTER, ...chosen, ...(cell.line.sum ? { class: cell.line.kind } : { fault: cell.line.fault }), persistence: cell.persistence });
};
const lineAt = (y) => map.lines.find((line) => y >= line.y && y < line.y + line.high);
const underPointer = (event) => {
  const box = mapCanvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
  const line = y < map.top ? null : lineAt(y - map.top + mapFrame.scrollTop);
  const policy = x < mapLabel() ? null : map.columns[Math.floor((x - mapLabel() + mapFrame.scrollLeft) / mapCellWidth())];
  return { line, cell: line?.cells?.get(policy) ?? null, label: x < mapLabel() };
};
const chooseKind = (kind) => {
  mapPick.class.value = mapPick.class.value === kind ? "" : kind;
  mapPick.class.dispatchEvent(new Event("change", { bubbles: true }));
};
const revealCell = (cell) => {
  const column = map.columns.indexOf(cell.persistence) * mapCellWidth(), { y, high: tall } = cell.line;
  const high = mapFrame.clientHeight - map.top, wide = mapFrame.clientWidth - mapLabel();
  if (y < mapFrame.scrollTop) mapFrame.scrollTop = y;
  if (y + tall > mapFrame.scrollTop + high) mapFrame.scrollTop = y + tall - high;
  if (column < mapFrame.scrollLeft) mapFrame.scrollLeft = column;
  if (column + mapCellWidth() > mapFrame.scrollLeft + wide) mapFrame.scrollLeft = column + mapCellWidth() - wide;
};
const drawLegend = () => {
  const colorsOf = [["kept", "0", "nothing lost"], ["allowed", "86%", "lost what the promise allows"], ["known", "◆ 86%", "a listed defect"], ["broken", "✕ 86%", "more than was promised"]];
  const sample = svg("svg", { class: "glyph", viewBox: "0 0 64 8", width: 64, height: 8, "aria-hidden": "true" }, ...lossBars("0000000002579999", 0, 0, 64, 8));
  $("map-legend").replaceChildren(
    ...colorsOf.map(([kind, text, what]) => el("span", {}, el("span", { class: "swatch k-" + kind }, text), " " + what)),
    el("span", {}, el("span", { class: "swatch k-none" }, "?"), " no trial proved anything"),
    el("span", {}, el("span", { class: "swatch k-none" }, "–"), " unsupported"),
    el("span", {}, el("span", { class: "swatch k-void" }, "·"), " not in the matrix"),
    el("span", {}, el("b", {}, "757 ms"), " age of the oldest lost write"),
    el("span", {}, el("b", {}, "3/36 1–23%"), " 3 of 36 trials lost something or went wrong, so 1 to 23% of such trials do (95% sure)"),
    el("span", {}, el("b", {}, "0/36 ≤8%"), " none of 36, so at most 8% do"),
    el("span", {}, sample, " a life's acknowledged writes, first to last, in sixteen parts: red is how much of a part is gone"),
    el("span", {}, el("b", {}, "all"), " nothing that can be looked for is left; a write that was overwritten, deleted or had expired cannot be missed, so its share may be under 100%"),
  );
};
const startMap = () => {
  for (const [dim, select] of Object.entries(mapPick)) {
    options(select, sorted(dim), "all");
    select.parentElement.hidden = data[dim].words.length < 2;
    select.addEventListener("change", readMap);
  }
  for (const option of mapPick.class.options) if (option.value) option.textContent = CLASSES[option.value] ?? option.value;
  $("map-order").addEventListener("change", readMap);
  $("map-all").addEventListener("click", () => {
    const all = mapFrame.classList.toggle("whole");
    $("map-all").setAttribute("aria-pressed", all);
    $("map-all").textContent = all ? "Show the first rows" : "Show every row";
    sizeMap();
    paintMap();
  });
  mapFrame.addEventListener("scroll", paintMap, { passive: true });
  mapFrame.addEventListener("mousemove", (event) => pointAt(underPointer(event).cell));
  mapFrame.addEventListener("click", (event) => {
    const { line, cell, label } = underPointer(event);
    if (cell) showCell(cell);
    else if (line?.kind && (line.head || label)) chooseKind(line.kind);
  });
  startMapTable();
  drawLegend();
  repaints.push(() => {
    sizeMap();
    paintMap();
  });
};
