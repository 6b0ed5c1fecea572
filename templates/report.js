"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const DIMS = ["verdict", "suite", "server", "persistence", "workload", "fault"];
  const total = data.verdict.length;
  const $ = (id) => document.getElementById(id);
  const word = (dim, i) => (dim === "verdict" ? data.verdict[i] : data[dim].words[data[dim].at[i]]);
  const name = (i) => [word("suite", i), word("server", i), word("place", i), word("workload", i), word("fault", i), "s" + data.seed[i]].join("::");
  const FAILS = new Set(["broken", "inconclusive", "errored"]);
  const count = (n) => n.toLocaleString("en-US");
  const ms = (n) => (n == null ? "" : n >= 10000 ? (n / 1000).toFixed(1) + " s" : n >= 1000 ? (n / 1000).toFixed(2) + " s" : Math.round(n) + " ms");
  const el = (tag, attrs = {}, ...kids) => {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(attrs)) {
      if (key === "class") node.className = value;
      else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
      else if (value != null) node.setAttribute(key, value);
    }
    node.append(...kids.filter((kid) => kid != null));
    return node;
  };
  const names = Array.from({ length: total }, (_, i) => name(i));
  const haystack = names.map((text, i) => (text + " " + word("message", i) + " " + word("shape", i)).toLowerCase());

  // State lives in the address, so that a view can be sent to somebody.
  const state = { q: "", sort: "-lost", trial: "" };
  for (const dim of DIMS) state[dim] = "";
  const readHash = () => {
    const params = new URLSearchParams(location.hash.slice(1));
    for (const key of Object.keys(state)) state[key] = params.get(key) ?? (key === "sort" ? "-lost" : "");
  };
  const writeHash = () => {
    const params = new URLSearchParams();
    for (const [key, value] of Object.entries(state)) if (value && !(key === "sort" && value === "-lost")) params.set(key, value);
    history.replaceState(null, "", "#" + params);
  };

  // The heat map.
  const mapServer = $("map-server"), mapSuite = $("map-suite");
  for (const suite of data.suite.words) mapSuite.append(el("option", { value: suite }, suite));
  for (const server of [...data.server.words].sort()) mapServer.append(el("option", { value: server }, server));
  const drawMap = () => {
    const cells = new Map();
    for (let i = 0; i < total; i++) {
      if (mapServer.value && word("server", i) !== mapServer.value) continue;
      if (mapSuite.value && word("suite", i) !== mapSuite.value) continue;
      if (data.verdict[i] === "unsupported") continue;
      const key = word("persistence", i) + "\n" + word("fault", i);
      const share = data.share[i];
      const cell = cells.get(key) ?? { share: 0, lost: 0, trials: 0, bad: 0, known: 0, weak: 0 };
      cell.trials++;
      cell.share = Math.max(cell.share, share);
      cell.lost = Math.max(cell.lost, data.lost[i]);
      cell.bad += data.verdict[i] === "broken";
      cell.known += data.verdict[i] === "known";
      cell.weak += data.verdict[i] === "inconclusive" || data.verdict[i] === "errored";
      cells.set(key, cell);
    }
    const used = (dim) => data[dim].words.filter((value) => [...cells.keys()].some((key) => key.split("\n")[dim === "persistence" ? 0 : 1] === value)).sort();
    const faults = used("fault");
    const policies = used("persistence");
    const head = el("tr", {}, el("th", {}), ...policies.map((policy) => el("th", { scope: "col" }, el("span", {}, policy))));
    const rows = faults.map((fault) => el("tr", {}, el("th", { scope: "row" }, fault), ...policies.map((policy) => {
      const cell = cells.get(policy + "\n" + fault);
      if (!cell) return el("td", { class: "none" });
      const mark = cell.bad ? "✕" : cell.known ? "◆" : cell.weak ? "?" : cell.lost ? "·" : "✓";
      const percent = cell.share >= 0.995 ? "100%" : cell.share >= 0.01 ? Math.round(cell.share * 100) + "%" : cell.lost ? "<1%" : "0";
      const runs = cell.trials - cell.weak;
      const luck = cell.lost || !runs ? "" : `; chance of a loss per run at most ${(100 * (1 - 0.05 ** (1 / runs))).toFixed(0)}% (95% sure)`;
      const label = `${policy}, ${fault}: worst loss ${count(cell.lost)} writes (${percent}) in ${cell.trials} trials; ${cell.bad} broken, ${cell.known} known, ${cell.weak} without proof${luck}`;
      const rgb = cell.lost ? "--loss" : "--ok";
      const strength = cell.lost ? (cell.bad || cell.known ? 0.3 + 0.5 * cell.share : 0.08 + 0.2 * cell.share) : 0.1;
      const button = el("button", { type: "button", title: label, "aria-label": label, class: cell.bad ? "x" : "", onclick: () => {
        Object.assign(state, { q: "", verdict: "", suite: mapSuite.value, workload: "", persistence: policy, fault, server: mapServer.value });
        refresh();
        $("h-trials").scrollIntoView({ behavior: "smooth" });
      } }, `${percent} ${mark}`);
      button.style.background = `rgba(var(${rgb}),${strength.toFixed(2)})`;
      return el("td", {}, button);
    })));
    $("map").replaceChildren(el("thead", {}, head), el("tbody", {}, ...rows));
  };
  mapServer.addEventListener("change", drawMap);
  mapSuite.addEventListener("change", drawMap);

  // The table: only the rows in sight exist.
  const COLUMNS = [
    ["verdict", "Verdict", (i) => el("span", { class: "chip v-" + data.verdict[i] }, data.verdict[i])],
    ["server", "Server"], ["persistence", "Persistence", (i) => word("place", i)], ["workload", "Workload"], ["fault", "Fault"],
    ["lost", "Lost", (i) => el("span", { class: data.lost[i] ? "lossy" : "quiet" }, count(data.lost[i]))],
    ["acknowledged", "Written", (i) => count(data.acknowledged[i])], ["shape", "Shape"],
    ["window_ms", "Window", (i) => ms(data.window_ms[i])], ["duration_ms", "Took", (i) => ms(data.duration_ms[i])],
  ];
  const NUMBERS = new Set(["lost", "acknowledged", "window_ms", "duration_ms"]);
  const RANK = { broken: 5, errored: 4, inconclusive: 3, known: 2, unsupported: 1, kept: 0 };
  const HEIGHT = 32;
  const body = $("gbody"), space = $("gspace");
  let shown = [];
  for (const [key, title] of COLUMNS) {
    $("ghead").append(el("span", { class: NUMBERS.has(key) ? "n" : "", role: "columnheader" }, el("button", { type: "button", "data-sort": key, onclick: () => {
      const fresh = NUMBERS.has(key) || key === "verdict" ? "-" : "";
      state.sort = state.sort === fresh + key ? (fresh ? key : "-" + key) : fresh + key;
      refresh();
    } }, title)));
  }
  const compare = () => {
    const down = state.sort.startsWith("-") ? -1 : 1;
    const key = state.sort.replace(/^-/, "");
    const value = key === "verdict" ? (i) => RANK[data.verdict[i]] : NUMBERS.has(key) ? (i) => data[key][i] ?? -1 : (i) => word(key, i);
    const bad = (i) => (FAILS.has(data.verdict[i]) ? 0 : 1);
    return (a, b) => {
      if (state.sort === "-lost" && bad(a) !== bad(b)) return bad(a) - bad(b);
      const x = value(a), y = value(b);
      return (x < y ? -1 : x > y ? 1 : 0) * down || a - b;
    };
  };
  const draw = () => {
    const first = Math.max(0, Math.floor(body.scrollTop / HEIGHT) - 6);
    const last = Math.min(shown.length, first + Math.ceil(body.clientHeight / HEIGHT) + 12);
    const rows = [];
    for (let position = first; position < last; position++) {
      const i = shown[position];
      const row = el("div", { class: "grow row" + (names[i] === state.trial ? " on" : ""), role: "row", "aria-rowindex": position + 1, title: names[i], onclick: () => open(i) },
        ...COLUMNS.map(([key, , cell]) => el("span", { class: NUMBERS.has(key) ? "n" : "", role: "gridcell" }, cell ? cell(i) : word(key, i))));
      row.style.top = position * HEIGHT + "px";
      rows.push(row);
    }
    space.style.height = shown.length * HEIGHT + "px";
    body.replaceChildren(space, ...rows);
  };
  body.addEventListener("scroll", draw, { passive: true });
  addEventListener("resize", draw);
  const refresh = () => {
    const terms = state.q.toLowerCase().split(/\s+/).filter(Boolean);
    shown = [];
    for (let i = 0; i < total; i++) {
      if (DIMS.every((dim) => !state[dim] || word(dim, i) === state[dim]) && terms.every((term) => haystack[i].includes(term))) shown.push(i);
    }
    shown.sort(compare());
    $("count").textContent = shown.length === total ? `${count(total)} trials` : `${count(shown.length)} of ${count(total)} trials`;
    $("grid").setAttribute("aria-rowcount", shown.length);
    $("q").value = state.q;
    for (const select of document.querySelectorAll("[data-dim]")) select.value = state[select.dataset.dim];
    for (const button of document.querySelectorAll("[data-sort]")) {
      const key = button.dataset.sort, active = state.sort.replace(/^-/, "") === key;
      button.textContent = COLUMNS.find((column) => column[0] === key)[1] + (active ? (state.sort.startsWith("-") ? " ↓" : " ↑") : "");
    }
    body.scrollTop = 0;
    draw();
    writeHash();
  };
  for (const select of document.querySelectorAll("[data-dim]")) {
    const dim = select.dataset.dim;
    const values = dim === "verdict" ? [...new Set(data.verdict)] : [...data[dim].words];
    select.append(el("option", { value: "" }, "any " + dim), ...values.sort().map((value) => el("option", { value }, value)));
    select.addEventListener("change", () => { state[dim] = select.value; refresh(); });
  }
  $("q").addEventListener("input", () => { state.q = $("q").value; refresh(); });
  $("clear").addEventListener("click", () => { for (const dim of DIMS) state[dim] = ""; state.q = ""; refresh(); });
  for (const button of document.querySelectorAll("[data-verdict]")) {
    button.addEventListener("click", () => { state.verdict = state.verdict === button.dataset.verdict ? "" : button.dataset.verdict; refresh(); $("h-trials").scrollIntoView({ behavior: "smooth" }); });
  }

  // One trial.
  const table = (head, rows) => el("div", { class: "scroll" }, el("table", { class: "plain" }, el("thead", {}, el("tr", {}, ...head.map((text) => el("th", {}, text)))), el("tbody", {}, ...rows.map((row) => el("tr", {}, ...row.map((cell) => el("td", {}, cell instanceof Node ? cell : String(cell ?? ""))))))));
  const section = (title, ...kids) => el("div", {}, el("h3", {}, title), ...kids);
  const svg = (tag, attrs, text) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attrs)) node.setAttribute(key, value);
    if (text) node.textContent = text;
    return node;
  };
  const timeline = (epoch) => {
    const W = 900, H = 150, base = 122, n = epoch.ack_density.length;
    if (!n) return el("p", { class: "quiet" }, "No write in this life.");
    const top = Math.max(1, ...epoch.ack_density), span = Math.max(n * epoch.bucket_ms, 0.001);
    const x = (at) => ((at - epoch.from_ms) / span) * W;
    const root = svg("svg", { class: "time", viewBox: `0 0 ${W} ${H}`, preserveAspectRatio: "none", role: "img", "aria-label": `${epoch.acknowledged} acknowledged writes over time, ${epoch.lost} lost` });
    epoch.ack_density.forEach((acked, i) => {
      const gone = epoch.lost_density[i], full = (acked / top) * 100, red = (gone / top) * 100;
      if (acked - gone) root.append(svg("rect", { class: "a", x: (i * W) / n, width: W / n - 0.6, y: base - full, height: full - red }));
      if (gone) root.append(svg("rect", { class: "l", x: (i * W) / n, width: W / n - 0.6, y: base - red, height: Math.max(red, 1.5) }));
    });
    root.append(svg("line", { class: "ax", x1: 0, x2: W, y1: base, y2: base }), svg("line", { class: "f", x1: x(epoch.fault_ms), x2: x(epoch.fault_ms), y1: 8, y2: base }));
    const caption = el("p", { class: "hint" }, `${ms(epoch.from_ms)} to ${ms(epoch.from_ms + span)}; bars: acknowledged writes, red: lost; dashed line: ${epoch.death} at ${ms(epoch.fault_ms)}`);
    return el("div", {}, root, caption);
  };
  const copy = (text) => {
    const button = el("button", { type: "button", class: "copy", onclick: async () => {
      try { await navigator.clipboard.writeText(text); } catch {
        const area = el("textarea", {}, text); document.body.append(area); area.select(); document.execCommand("copy"); area.remove();
      }
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 1500);
    } }, "Copy");
    return button;
  };
  const open = (i) => {
    state.trial = names[i];
    writeHash();
    draw();
    const box = $("detail"), trial = data.details[i];
    const close = el("button", { type: "button", class: "copy close", onclick: shut }, "Close");
    const kids = [close, el("h2", {}, el("span", { class: "chip v-" + data.verdict[i] }, data.verdict[i]), " ", names[i]), el("p", { class: "say" }, word("message", i))];
    if (word("suite", i).startsWith("incident")) kids.push(el("p", { class: "hint" }, "The whole story: docs/incident.md"));
    if (!trial) {
      kids.push(el("p", { class: "quiet" }, data.verdict[i] === "kept" && !data.lost[i] ? "Nothing was lost, so the page keeps the summary only; report.json has the whole record." : "The details of this trial are in report.json: the page holds those of the most telling trials only."));
    } else {
      if (trial.promise) kids.push(el("p", { class: "hint" }, `Promise “${trial.promise.id}”: ${trial.promise.sentence}. May lose ${trial.promise.allowed}. Source: ${trial.promise.source}.`));
      if (trial.known) kids.push(el("p", { class: "hint" }, "Known: ", trial.known.cause + " ", /^https?:\/\//i.test(trial.known.link) ? el("a", { href: trial.known.link, rel: "noreferrer" }, trial.known.link) : trial.known.link));
      if (trial.repro) kids.push(section("Run it again", el("pre", { class: "one" }, trial.repro), copy(trial.repro)));
      trial.epochs.forEach((epoch, number) => {
        kids.push(section(`Life ${number + 1}: ${epoch.death}`, timeline(epoch), el("dl", { class: "facts" }, ...[
          ["Verdict", `${epoch.verdict}: ${epoch.message}`],
          ["Writes", `${count(epoch.acknowledged)} acknowledged, ${count(epoch.lost)} lost (${epoch.shape}), ${count(epoch.in_doubt)} in doubt of which ${count(epoch.in_doubt_present)} are there, ${count(epoch.refused)} refused, ${count(epoch.expired)} expired`],
          ["Pressure", `${count(epoch.pressure.acked_before_fault)} acknowledged before the fault and ${count(epoch.pressure.acked_after_fault)} after it, ${count(epoch.pressure.rate)} per second, last answer ${ms(epoch.pressure.quiet_ms)} before${epoch.pressure.phase ? ", met during " + epoch.pressure.phase : ""}`],
          ["End", epoch.exit], ["Recovery", epoch.recovery_ms == null ? "did not come back" : ms(epoch.recovery_ms)],
        ].flatMap(([key, value]) => [el("dt", {}, key), el("dd", {}, value)]))));
      });
      const left = [], right = [];
      if (trial.policy.length) left.push(section("Policy: asked for and in force", table(["Directive", "Asked for", "In force"], trial.policy.map((line) => [line.directive, line.requested ?? "–", line.in_force ? (line.effective || '""') : el("span", { class: "no" }, "✕ " + (line.effective ?? "unknown"))]))));
      if (trial.events.length) right.push(section("What happened", table(["At", "What"], trial.events.map((event) => [ms(event.at_ms), `${event.kind}: ${event.text}`]))));
      if (trial.examples.length) left.push(section("Examples", table(["Class", "Key", "Acknowledged", "Should hold", "Holds"], trial.examples.map((one) => [one.anomaly, one.key, one.acked_ms == null ? "never" : ms(one.acked_ms), one.expected, one.observed]))));
      if (trial.files.length) right.push(section("Files", table(["File", "Dead", "Recovered"], trial.files.map((file) => [file.path, file.bytes_dead == null ? "–" : count(file.bytes_dead), file.bytes_recovered == null ? "–" : count(file.bytes_recovered)]))));
      kids.push(el("div", { class: "cols" }, el("div", {}, ...left), el("div", {}, ...right)));
      if (trial.log_tail.length) kids.push(section("Server log", el("pre", {}, trial.log_tail.join("\n"))));
      kids.push(el("p", { class: "hint" }, `${trial.server} ${trial.server_version}, ${trial.origin.kind} ${trial.origin.source}; attempt ${trial.attempt}; started ${trial.started_at}`));
    }
    box.replaceChildren(...kids);
    box.hidden = false;
    box.scrollIntoView({ behavior: "smooth", block: "start" });
  };
  const shut = () => { state.trial = ""; $("detail").hidden = true; writeHash(); draw(); $("grid").focus(); };
  addEventListener("keydown", (event) => {
    if (event.target.matches("input,select,textarea") && event.key !== "Escape") return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const here = shown.findIndex((i) => names[i] === state.trial);
    if (event.key === "/") { $("q").focus(); event.preventDefault(); }
    else if (event.key === "j" && here + 1 < shown.length) open(shown[here + 1]);
    else if (event.key === "k" && here > 0) open(shown[here - 1]);
    else if (event.key === "Escape") { document.activeElement.blur(); shut(); }
  });
  const fromHash = () => {
    readHash();
    drawMap();
    refresh();
    const wanted = names.indexOf(state.trial);
    if (wanted >= 0) open(wanted);
  };
  addEventListener("hashchange", fromHash);
  fromHash();
  if (data.cut) $("h-trials").parentElement.append(el("span", { class: "quiet" }, `${count(data.cut)} lossy trials have their details in report.json only`));
})();
