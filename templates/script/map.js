// The survival map: a canvas that shows as much as is in sight, and a table behind it that says the same.
const mapFrame = $("map-frame"), mapCanvas = $("map-canvas"), mapSpace = $("map-space"), mapTable = $("map-table");
const mapPick = { suite: $("map-suite"), server: $("map-server"), workload: $("map-workload") };
const ROW = 38, HEAD = 78, MOST_CELLS = 1000;
let map = { rows: [], columns: [], at: new Map(), cell: null };
const gravity = (cell) => ({ broken: 4, known: 3, allowed: 1 })[kindOf(cell)] ?? 0;

const readMap = () => {
  const chosen = Object.entries(mapPick).filter(([, select]) => select.value).map(([dim, select]) => [data[dim].at, data[dim].words.indexOf(select.value)]);
  const cells = [...gather((i) => chosen.every(([at, wanted]) => at[i] === wanted)).values()];
  const at = new Map(cells.map((cell) => [cell.fault + "\n" + cell.persistence, cell]));
  const rows = [...new Set(cells.map((cell) => cell.fault))].sort();
  const columns = [...new Set(cells.map((cell) => cell.persistence))].sort();
  if ($("map-order").value === "worst") {
    const weight = new Map(rows.map((row) => [row, 0]));
    for (const cell of cells) weight.set(cell.fault, Math.max(weight.get(cell.fault), gravity(cell) * 20_000 + cell.share));
    rows.sort((a, b) => weight.get(b) - weight.get(a));
  }
  map = { rows, columns, at, cell: null };
  const proven = cells.filter((cell) => cell.runs);
  const said = [[proven.filter((cell) => !cell.lossy).length, "lost nothing"], [proven.filter((cell) => kindOf(cell) === "allowed").length, "lost what they may"], [proven.filter((cell) => kindOf(cell) === "known").length, "show a known defect"], [proven.filter((cell) => kindOf(cell) === "broken").length, "broke a promise"]];
  $("map-sum").textContent = `${plural(proven.length, "combination")} put to the test: ${said.filter(([n]) => n).map(([n, what]) => count(n) + " " + what).join(", ")}.`;
  $("map-says").textContent = "Point at a cell, or walk the map with Tab and the arrow keys. Click or Enter shows its trials.";
  fillMapTable();
  sizeMap();
  paintMap();
};

// Geometry: labels on the left, names of policies on top, both of them always in sight.
const mapLabel = () => (mapFrame.clientWidth < 640 ? 118 : 196);
const mapCellWidth = () => Math.max(74, Math.min(118, Math.floor((mapFrame.clientWidth - mapLabel()) / Math.max(1, map.columns.length))));
const sizeMap = () => {
  mapSpace.style.width = mapLabel() + map.columns.length * mapCellWidth() + "px";
  mapSpace.style.height = HEAD + map.rows.length * ROW + "px";
};
const fitted = (g, text, width) => {
  if (g.measureText(text).width <= width) return text;
  let end = text.length;
  while (end > 1 && g.measureText(text.slice(0, end) + "…").width > width) end--;
  return text.slice(0, end) + "…";
};
// A name in at most two lines, broken where words meet.
const lines = (g, text, width) => {
  if (g.measureText(text).width <= width) return [text];
  let best = 0;
  for (let i = 1; i < text.length; i++) if ("-+_.".includes(text[i]) && g.measureText(text.slice(0, i + 1)).width <= width) best = i + 1;
  return best ? [text.slice(0, best), ...lines(g, text.slice(best), width)] : [fitted(g, text, width)];
};
const paintCell = (g, cell, x, y, width) => {
  const kind = kindOf(cell);
  const strength = { kept: 0.1, allowed: 0.1 + 0.3 * (cell.share / 10_000), known: 0.16 + 0.3 * (cell.share / 10_000), broken: 0.25 + 0.35 * (cell.share / 10_000) }[kind];
  if (strength) {
    g.fillStyle = tint(kind, strength);
    g.fillRect(x + 1, y + 1, width - 2, ROW - 2);
  } else {
    g.strokeStyle = colors.line;
    g.setLineDash([2, 2]);
    g.strokeRect(x + 1.5, y + 1.5, width - 3, ROW - 3);
    g.setLineDash([]);
  }
  if (kind === "broken" || kind === "known") {
    g.fillStyle = colors[kind];
    g.fillRect(x + 1, y + 1, 3, ROW - 2);
  }
  g.textAlign = "left";
  g.fillStyle = cell.lossy || !cell.runs ? colors.ink : colors.quiet;
  g.font = `600 13px ${colors.sans}`;
  const head = !cell.runs ? (cell.weak ? "?" : "–") : percent(cell.share) + (markOf(cell) ? " " + markOf(cell) : "");
  g.fillText(head, x + 8, y + 15);
  g.font = `11px ${colors.sans}`;
  g.fillStyle = cell.lossy ? colors.ink : colors.quiet;
  const foot = !cell.runs ? "" : cell.lossy ? (cell.window == null ? "" : ms(cell.window) + " ·") + cell.runs + "×" : cell.runs + "× ≤" + chanceText(cell.runs);
  g.fillText(fitted(g, foot, width - 11), x + 8, y + 27);
  // The acknowledged writes from the first to the last, and which of them are gone.
  if (cell.lossy) {
    const left = x + 8, wide = width - 15, top = y + ROW - 7;
    g.fillStyle = colors.quiet;
    g.fillRect(left, top + 1, wide, 1);
    g.fillStyle = colors.gone;
    for (const [from, to] of LOST_AT[cell.shape] ?? []) g.fillRect(left + from * wide, top - 1, (to - from) * wide, 5);
  }
};
const paintMap = () => {
  const width = mapFrame.clientWidth, height = mapFrame.clientHeight, label = mapLabel(), cellWidth = mapCellWidth();
  if (!width || !height) return;
  const g = canvasContext(mapCanvas, width, height), left = mapFrame.scrollLeft, top = mapFrame.scrollTop;
  g.textBaseline = "alphabetic";
  const firstRow = Math.max(0, Math.floor(top / ROW)), lastRow = Math.min(map.rows.length, Math.ceil((top + height) / ROW));
  map.rows.slice(firstRow, lastRow).forEach((fault, n) => {
    const y = HEAD + (firstRow + n) * ROW - top;
    map.columns.forEach((policy, m) => {
      const cell = map.at.get(fault + "\n" + policy), x = label + m * cellWidth - left;
      if (!cell || x > width || x + cellWidth < label) return;
      paintCell(g, cell, x, y, cellWidth);
      if (cell === map.cell) {
        g.strokeStyle = colors.accent;
        g.lineWidth = 2;
        g.strokeRect(x + 1, y + 1, cellWidth - 2, ROW - 2);
        g.lineWidth = 1;
      }
    });
  });
  g.fillStyle = colors.bg;
  g.fillRect(0, 0, label, height);
  g.fillRect(0, 0, width, HEAD);
  g.font = `13px ${colors.sans}`;
  g.save();
  g.beginPath();
  g.rect(0, HEAD, label, height);
  g.clip();
  map.rows.slice(firstRow, lastRow).forEach((fault, n) => {
    g.fillStyle = map.cell?.fault === fault ? colors.ink : colors.quiet;
    g.fillText(fitted(g, fault, label - 12), 0, HEAD + (firstRow + n) * ROW - top + 22);
  });
  g.restore();
  g.save();
  g.beginPath();
  g.rect(label, 0, width, HEAD);
  g.clip();
  map.columns.forEach((policy, m) => {
    const x = label + m * cellWidth - left;
    g.fillStyle = map.cell?.persistence === policy ? colors.ink : colors.quiet;
    const text = lines(g, policy, cellWidth - 10).slice(0, 4);
    text.forEach((line, k) => g.fillText(line, x + 6, HEAD - 10 - (text.length - 1 - k) * 16));
  });
  g.restore();
  g.fillStyle = colors.line;
  g.fillRect(0, HEAD - 1, width, 1);
};

// The table: one element for each cell that was tested, gaps joined, and one cell that Tab stops at.
const fillMapTable = () => {
  let room = MOST_CELLS, cut = 0;
  const rows = map.rows.map((fault) => {
    const here = map.columns.map((policy) => map.at.get(fault + "\n" + policy));
    if (room < here.length) {
      cut++;
      return null;
    }
    const tds = [];
    for (let m = 0; m < here.length; ) {
      if (!here[m]) {
        const from = m;
        while (m < here.length && !here[m]) m++;
        tds.push(el("td", { class: "void", colspan: m - from }));
      } else {
        const cell = here[m++];
        tds.push(el("td", { tabindex: -1, "data-fault": cell.fault, "data-policy": cell.persistence, "aria-label": `${cell.persistence}, ${cell.fault}: ${cellText(cell)}`, class: "k-" + kindOf(cell) }, (cell.runs ? percent(cell.share) : "") + " " + markOf(cell)));
      }
    }
    room -= tds.length;
    return el("tr", {}, el("th", { scope: "row" }, fault), ...tds);
  });
  mapTable.replaceChildren(
    el("caption", {}, cut ? `The worst loss of each policy under each fault. ${cut} more faults: choose a suite, a server or a workload to see them here.` : "The worst loss of each policy under each fault."),
    el("thead", {}, el("tr", {}, el("td"), ...map.columns.map((policy) => el("th", { scope: "col" }, policy)))),
    el("tbody", {}, ...rows.filter(Boolean)),
  );
  mapTable.querySelector("td[tabindex]")?.setAttribute("tabindex", 0);
};
const tdOf = (cell) => [...mapTable.querySelectorAll("td[data-fault]")].find((td) => td.dataset.fault === cell.fault && td.dataset.policy === cell.persistence);
const pointAt = (cell) => {
  if (map.cell === cell) return;
  map.cell = cell;
  if (cell) $("map-says").replaceChildren(el("b", {}, `${cell.persistence} × ${cell.fault}`), ": " + cellText(cell) + ".");
  paintMap();
};
const showCell = (cell) => {
  const filters = Object.fromEntries(FILTERS.map((key) => [key, ""]));
  show({ ...filters, suite: mapPick.suite.value, server: mapPick.server.value, workload: mapPick.workload.value, persistence: cell.persistence, fault: cell.fault });
};
const cellUnder = (event) => {
  const box = mapCanvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
  if (x < mapLabel() || y < HEAD) return null;
  const row = map.rows[Math.floor((y - HEAD + mapFrame.scrollTop) / ROW)], column = map.columns[Math.floor((x - mapLabel() + mapFrame.scrollLeft) / mapCellWidth())];
  return map.at.get(row + "\n" + column) ?? null;
};
const walkMap = (event) => {
  const td = event.target.closest("td[data-fault]");
  if (!td) return;
  const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
  const cell = map.at.get(td.dataset.fault + "\n" + td.dataset.policy);
  if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    showCell(cell);
  } else if (step) {
    event.preventDefault();
    let row = map.rows.indexOf(cell.fault) + step[0], column = map.columns.indexOf(cell.persistence) + step[1];
    for (; row >= 0 && row < map.rows.length && column >= 0 && column < map.columns.length; row += step[0], column += step[1]) {
      const next = map.at.get(map.rows[row] + "\n" + map.columns[column]);
      const target = next && tdOf(next);
      if (!target) continue;
      td.setAttribute("tabindex", -1);
      target.setAttribute("tabindex", 0);
      target.focus({ preventScroll: true });
      break;
    }
  }
};
const revealCell = (cell) => {
  const row = map.rows.indexOf(cell.fault) * ROW, column = map.columns.indexOf(cell.persistence) * mapCellWidth();
  const high = mapFrame.clientHeight - HEAD, wide = mapFrame.clientWidth - mapLabel();
  if (row < mapFrame.scrollTop) mapFrame.scrollTop = row;
  if (row + ROW > mapFrame.scrollTop + high) mapFrame.scrollTop = row + ROW - high;
  if (column < mapFrame.scrollLeft) mapFrame.scrollLeft = column;
  if (column + mapCellWidth() > mapFrame.scrollLeft + wide) mapFrame.scrollLeft = column + mapCellWidth() - wide;
};
const startMap = () => {
  for (const [dim, select] of Object.entries(mapPick)) {
    options(select, sorted(dim), "all");
    select.addEventListener("change", readMap);
  }
  $("map-order").addEventListener("change", readMap);
  $("map-all").addEventListener("click", () => {
    const all = mapFrame.classList.toggle("whole");
    $("map-all").setAttribute("aria-pressed", all);
    $("map-all").textContent = all ? "Show the first rows" : "Show every row";
    sizeMap();
    paintMap();
  });
  mapFrame.addEventListener("scroll", paintMap, { passive: true });
  mapFrame.addEventListener("mousemove", (event) => pointAt(cellUnder(event)));
  mapFrame.addEventListener("click", (event) => {
    const cell = cellUnder(event);
    if (cell) showCell(cell);
  });
  mapTable.addEventListener("keydown", walkMap);
  mapTable.addEventListener("focusin", (event) => {
    const td = event.target.closest("td[data-fault]");
    if (!td) return;
    const cell = map.at.get(td.dataset.fault + "\n" + td.dataset.policy);
    revealCell(cell);
    pointAt(cell);
  });
  const legend = [["kept", "0", "nothing lost"], ["allowed", "86%", "lost what the promise allows"], ["known", "86% ◆", "a listed defect"], ["broken", "86% ✕", "more than was promised"]];
  $("map-legend").append(
    ...legend.map(([kind, text, what]) => el("span", {}, el("span", { class: "swatch k-" + kind }, text), " " + what)),
    ...["suffix", "prefix", "hole", "scattered", "all"].map((shape) => el("span", {}, shapeGlyph(shape), ` ${shape}: ${SHAPES[shape]}`)),
    el("span", {}, "36× ≤8%: 36 trials without a loss, so a trial loses with a chance of 8% at most (95% sure)"),
  );
  repaints.push(() => {
    sizeMap();
    paintMap();
  });
  readMap();
};
