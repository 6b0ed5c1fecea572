// The run on a line of time: trials that ran at once lie in lanes, one above the other.
const lanesCanvas = $("lanes");
const packLanes = () => {
  const order = Array.from({ length: total }, (_, i) => i).filter((i) => data.duration_ms[i] > 0).sort((a, b) => data.offset_ms[a] - data.offset_ms[b]);
  const free = [], laneOf = new Map();
  for (const i of order) {
    let lane = free.findIndex((end) => end <= data.offset_ms[i]);
    if (lane < 0) lane = free.push(0) - 1;
    free[lane] = data.offset_ms[i] + data.duration_ms[i];
    laneOf.set(i, lane);
  }
  return { order, laneOf, count: free.length, end: Math.max(1, ...free) };
};
let lanes;
const lanesHeight = () => Math.max(40, Math.min(420, lanes.count * 8));
const paintLanes = () => {
  const width = lanesCanvas.parentElement.clientWidth;
  if (!width || !lanes.order.length) return;
  const high = lanesHeight(), g = canvasContext(lanesCanvas, width, high + 22), step = high / lanes.count;
  // Kept ones first, so that the others are seen.
  for (const i of [...lanes.order].sort((a, b) => RANK[word("verdict", a)] - RANK[word("verdict", b)])) {
    const verdict = word("verdict", i), x = (data.offset_ms[i] / lanes.end) * width, wide = Math.max(1.2, (data.duration_ms[i] / lanes.end) * width - 0.6);
    g.fillStyle = colors[VERDICT_COLOR[verdict]];
    g.globalAlpha = verdict === "kept" ? 0.35 : 1;
    const y = lanes.laneOf.get(i) * step, thick = Math.max(1, step - 1.4);
    g.fillRect(x, verdict === "kept" ? y + thick * 0.3 : y, wide, verdict === "kept" ? thick * 0.4 : thick);
  }
  g.globalAlpha = 1;
  g.fillStyle = colors.quiet;
  g.font = `12px ${colors.sans}`;
  for (let n = 0; n <= 6; n++) {
    g.textAlign = n === 0 ? "left" : n === 6 ? "right" : "center";
    g.fillText(ms((lanes.end * n) / 6), (width * n) / 6, high + 17);
  }
};
const trialAt = (event) => {
  const box = lanesCanvas.getBoundingClientRect(), lane = Math.floor(((event.clientY - box.top) / lanesHeight()) * lanes.count), at = ((event.clientX - box.left) / box.width) * lanes.end;
  const slack = lanes.end / box.width;
  return lanes.order.find((i) => lanes.laneOf.get(i) === lane && data.offset_ms[i] - slack <= at && at <= data.offset_ms[i] + data.duration_ms[i] + slack);
};
const startLanes = () => {
  lanes = packLanes();
  if (!lanes.order.length) return;
  const slow = [...lanes.order].sort((a, b) => data.duration_ms[b] - data.duration_ms[a]).slice(0, 3);
  const rest = `${plural(lanes.order.length, "trial")}, at most ${lanes.count} at once. Thin lines were kept, thick ones were not. The slowest: ${slow.map((i) => `${names[i]} (${ms(data.duration_ms[i])})`).join("; ")}.`;
  $("lanes-says").textContent = rest;
  lanesCanvas.setAttribute("aria-label", rest);
  lanesCanvas.addEventListener("mousemove", (event) => {
    const i = trialAt(event);
    $("lanes-says").textContent = i == null ? rest : `${MARKS[word("verdict", i)]} ${word("verdict", i)}: ${names[i]}, from ${ms(data.offset_ms[i])}, took ${ms(data.duration_ms[i])}`;
  });
  lanesCanvas.addEventListener("mouseleave", () => ($("lanes-says").textContent = rest));
  lanesCanvas.addEventListener("click", (event) => {
    const i = trialAt(event);
    if (i != null) openTrial(i);
  });
  repaints.push(paintLanes);
  paintLanes();
};
