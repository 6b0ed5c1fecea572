// The map as it is drawn: names on the left and on top, both of them always in sight.
const mapLabel = () => (mapFrame.clientWidth < 640 ? 112 : 158);
const mapCellWidth = () => Math.max(mapFrame.clientWidth < 640 ? 86 : 80, Math.min(124, Math.floor((mapFrame.clientWidth - mapLabel()) / Math.max(1, map.columns.length))));
const NAMES_FONT = () => `13px ${colors.sans}`;
const sizeMap = () => {
  const g = mapCanvas.getContext("2d");
  g.font = NAMES_FONT();
  map.top = 26 + 16 * Math.min(4, Math.max(1, ...map.columns.map((policy) => lines(g, policy, mapCellWidth() - 10).length)));
  mapSpace.style.width = mapLabel() + map.columns.length * mapCellWidth() + "px";
  mapSpace.style.height = map.top + map.height + "px";
};
const fitted = (g, text, width) => {
  if (g.measureText(text).width <= width) return text;
  let end = text.length;
  while (end > 1 && g.measureText(text.slice(0, end) + "…").width > width) end--;
  return text.slice(0, end) + "…";
};
// A name in lines, broken where words meet.
const lines = (g, text, width) => {
  if (g.measureText(text).width <= width) return [text];
  let best = 0;
  for (let i = 1; i < text.length; i++) if ("-+_. ".includes(text[i]) && g.measureText(text.slice(0, i + 1)).width <= width) best = i + 1;
  return best ? [text.slice(0, best), ...lines(g, text.slice(best), width)] : [fitted(g, text, width)];
};
// How strong a ground is: a share of nothing to all, between the two.
const STRENGTH = { kept: [0.1, 0.1], allowed: [0.12, 0.4], known: [0.14, 0.4], broken: [0.2, 0.46] };
const paintCell = (g, cell, x, y, width) => {
  const kind = kindOf(cell), high = cell.line.high, [least, most] = STRENGTH[kind] ?? [];
  if (most) {
    g.fillStyle = tint(kind, least + (most - least) * (shareOf(cell) / 10_000));
    g.fillRect(x + 1, y + 1, width - 2, high - 2);
  } else {
    g.strokeStyle = colors.edge;
    g.setLineDash([2, 2]);
    g.strokeRect(x + 1.5, y + 1.5, width - 3, high - 3);
    g.setLineDash([]);
  }
  if (kind === "broken" || kind === "known") {
    g.fillStyle = colors[kind];
    g.fillRect(x + 1, y + 1, 3, high - 2);
  }
  const room = width - 10;
  g.fillStyle = kind === "kept" ? colors.quiet : colors.ink;
  g.font = `600 13px ${colors.sans}`;
  g.fillText(headOfCell(cell, (text, before) => fitted(g, text, room - g.measureText(before).width)), x + 7, y + 15);
  g.font = `11px ${colors.sans}`;
  const age = ageOfCell(cell);
  if (age) g.fillText(fitted(g, age, room), x + 7, y + 27);
  const odds = oddsOfCell(cell);
  for (let size = 10; size >= 9 && g.measureText(odds).width > room; size--) g.font = `${size}px ${colors.sans}`;
  g.fillText(fitted(g, odds, room), x + 7, y + (age ? 38.5 : 27));
  // The acknowledged writes from the first to the last, and how much of each part of them is gone.
  const gone = cell.runs ? word("lost_at", cell.worst) : "";
  if (!gone) return;
  const left = x + 7, part = (width - 14) / gone.length, base = y + high - 3;
  g.fillStyle = colors.bg;
  g.fillRect(left - 1, base - 6, part * gone.length + 2, 7);
  g.fillStyle = colors.quiet;
  g.fillRect(left, base - 1, part * gone.length, 1);
  g.fillStyle = colors.gone;
  for (let n = 0; n < gone.length; n++) {
    const from = Math.round(left + n * part), to = Math.round(left + (n + 1) * part), tall = Math.max(2, Math.round((gone[n] / 9) * 5));
    if (gone[n] > 0) g.fillRect(from, base - tall, to - from, tall);
  }
};
const paintRow = (g, line, y, left, width) => {
  const label = mapLabel(), cellWidth = mapCellWidth();
  map.columns.forEach((policy, m) => {
    const cell = line.cells.get(policy), x = label + m * cellWidth - left;
    if (x > width || x + cellWidth < label) return;
    if (!cell) {
      g.fillStyle = colors.edge;
      g.fillRect(x + cellWidth / 2 - 1, y + line.high / 2 - 1, 2, 2);
      return;
    }
    paintCell(g, cell, x, y, cellWidth);
    if (cell !== map.cell) return;
    g.strokeStyle = colors.accent;
    g.lineWidth = 2;
    g.strokeRect(x + 1, y + 1, cellWidth - 2, line.high - 2);
    g.lineWidth = 1;
  });
};
const paintName = (g, line, y, width) => {
  const label = mapLabel();
  if (line.head) {
    g.fillStyle = colors.ink;
    g.font = `600 16px ${colors.serif}`;
    g.fillText(line.head, 0, y + 31);
    const from = g.measureText(line.head).width + 10;
    g.fillStyle = colors.quiet;
    g.font = `12px ${colors.sans}`;
    g.fillText(fitted(g, line.says, width - from), from, y + 31);
    g.fillStyle = colors.line;
    g.fillRect(0, y + GROUP - 2, width, 1);
    return;
  }
  g.font = `${line.sum ? "600 " : ""}13px ${colors.sans}`;
  g.fillStyle = map.cell?.line === line || line.sum ? colors.ink : colors.quiet;
  const text = lines(g, line.name, label - 12).slice(0, line.high === CALM ? 2 : 3);
  text.forEach((one, n) => g.fillText(one, 0, y + line.high / 2 + 4.5 + (n - (text.length - 1) / 2) * 14.5));
};
const paintMap = () => {
  const width = mapFrame.clientWidth, height = mapFrame.clientHeight, label = mapLabel(), cellWidth = mapCellWidth();
  if (!width || !height) return;
  const g = canvasContext(mapCanvas, width, height), left = mapFrame.scrollLeft, top = mapFrame.scrollTop;
  g.textBaseline = "alphabetic";
  g.textAlign = "left";
  const sight = map.lines.filter((line) => line.y + line.high > top && line.y < top + height);
  for (const line of sight) if (line.cells) paintRow(g, line, map.top + line.y - top, left, width);
  g.fillStyle = colors.bg;
  g.fillRect(0, map.top, label, height);
  for (const line of sight) paintName(g, line, map.top + line.y - top, width);
  g.fillStyle = colors.bg;
  g.fillRect(0, 0, width, map.top);
  g.save();
  g.beginPath();
  g.rect(label, 0, width, map.top);
  g.clip();
  g.font = NAMES_FONT();
  map.columns.forEach((policy, m) => {
    g.fillStyle = map.cell?.persistence === policy ? colors.ink : colors.quiet;
    const text = lines(g, policy, cellWidth - 10).slice(0, 4);
    text.forEach((line, k) => g.fillText(line, label + m * cellWidth - left + 8, map.top - 10 - (text.length - 1 - k) * 16));
  });
  g.restore();
  g.fillStyle = colors.ink;
  g.fillRect(0, map.top - 1, width, 1);
};
