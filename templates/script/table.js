// The map as a table, for keyboards, screen readers and paper. The page holds the rows around the one that has the focus;
// paper gets all of them.
const MOST_CELLS = 560;
const mapCells = (line, whole) => {
  const cellOf = (policy, m) => {
    const cell = line.cells.get(policy);
    if (!cell) return whole ? el("td", { class: "void" }, "·") : null;
    const says = [headOfCell(cell), ageOfCell(cell), oddsOfCell(cell)].filter(Boolean);
    return el("td", { class: "k-" + kindOf(cell), ...(whole ? {} : { tabindex: -1, "aria-colindex": m + 2, "aria-label": `${cell.persistence}, ${line.name}: ${cellText(cell)}`, "data-line": map.lines.indexOf(line), "data-policy": policy }) }, says.join(whole ? " · " : ", "));
  };
  return map.columns.map(cellOf);
};
const fillMapTable = (from, whole = false) => {
  const rows = [], all = map.lines.length;
  let room = whole ? Infinity : MOST_CELLS - map.columns.length, at = from;
  for (; at < all; at++) {
    const line = map.lines[at];
    const row = line.cells
      ? el("tr", { "aria-rowindex": at + 2 }, el("th", { scope: "row" }, line.name), ...mapCells(line, whole))
      : el("tr", { "aria-rowindex": at + 2 }, el("th", { scope: "rowgroup", colspan: map.columns.length + 1 }, `${line.head}: ${line.says}`));
    room -= row.childElementCount + 1;
    if (room < 0) break;
    rows.push(row);
  }
  const part = from > 0 || at < all ? ` Rows ${count(from + 1)} to ${count(at)} of ${count(all)}: the arrow keys lead to the others, and a kind of fault, a suite or a workload can be chosen.` : "";
  mapTable.setAttribute("aria-rowcount", all + 1);
  mapTable.setAttribute("aria-colcount", map.columns.length + 1);
  mapTable.replaceChildren(
    el("caption", {}, "The worst loss of each policy under each fault, the age of the oldest lost write, the trials that lost something or went wrong of all, and how likely that makes it." + part),
    el("thead", {}, el("tr", { "aria-rowindex": 1 }, el("td", { "aria-colindex": 1 }), ...map.columns.map((policy, m) => el("th", { scope: "col", "aria-colindex": m + 2 }, policy)))),
    el("tbody", {}, ...rows),
  );
  mapTable.querySelector("td[tabindex]")?.setAttribute("tabindex", 0);
};
const cellOfTd = (td) => map.lines[td.dataset.line].cells.get(td.dataset.policy);
const tdOf = (cell) => mapTable.querySelector(`td[data-line="${map.lines.indexOf(cell.line)}"][data-policy="${CSS.escape(cell.persistence)}"]`);
// The next cell in a direction: gaps and heads are stepped over.
const nextCell = (cell, [down, right]) => {
  let line = map.lines.indexOf(cell.line) + down, column = map.columns.indexOf(cell.persistence) + right;
  for (; line >= 0 && line < map.lines.length && column >= 0 && column < map.columns.length; line += down, column += right) {
    const next = map.lines[line].cells?.get(map.columns[column]);
    if (next) return next;
  }
  return null;
};
const walkMap = (event) => {
  const td = event.target.closest("td[data-line]");
  if (!td) return;
  const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
  if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    showCell(cellOfTd(td));
  } else if (step) {
    event.preventDefault();
    const next = nextCell(cellOfTd(td), step);
    if (!next) return;
    // Beyond the rows that are there, others take their place.
    if (!tdOf(next)) fillMapTable(Math.max(0, map.lines.indexOf(next.line) - 8));
    mapTable.querySelector('td[tabindex="0"]')?.setAttribute("tabindex", -1);
    const target = tdOf(next);
    target.setAttribute("tabindex", 0);
    target.focus({ preventScroll: true });
  }
};
const startMapTable = () => {
  mapTable.addEventListener("keydown", walkMap);
  mapTable.addEventListener("focusin", (event) => {
    const td = event.target.closest("td[data-line]");
    if (!td) return;
    revealCell(cellOfTd(td));
    pointAt(cellOfTd(td));
  });
};
