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
    g.fillStyle = colors[verdict === "kept" ? "calm" : VERDICT_COLOR[verdict]];
    const y = lanes.laneOf.get(i) * step, thick = Math.max(1, step - 1.4);
    g.fillRect(x, verdict === "kept" ? y + thick * 0.3 : y, wide, verdict === "kept" ? Math.max(1, thick * 0.4) : thick);
    if (i !== lanes.at) continue;
    g.strokeStyle = colors.accent;
    g.lineWidth = 2;
    g.strokeRect(Math.min(x, width - 4) - 1.5, y - 0.5, Math.max(4, wide) + 3, thick + 1);
  }
  g.fillStyle = colors.quiet;
  g.font = `12px ${colors.sans}`;
  const steps = width < 640 ? 3 : 6;
  for (let n = 0; n <= steps; n++) {
    g.textAlign = n === 0 ? "left" : n === steps ? "right" : "center";
    g.fillText(ms((lanes.end * n) / steps), (width * n) / steps, high + 17);
  }
};
const trialAt = (event) => {
  const box = lanesCanvas.getBoundingClientRect(), lane = Math.floor(((event.clientY - box.top) / lanesHeight()) * lanes.count), at = ((event.clientX - box.left) / box.width) * lanes.end;
  const slack = lanes.end / box.width;
  return lanes.order.find((i) => lanes.laneOf.get(i) === lane && data.offset_ms[i] - slack <= at && at <= data.offset_ms[i] + data.duration_ms[i] + slack);
};
const laneText = (i) => `${MARKS[word("verdict", i)]} ${word("verdict", i)}: ${names[i]}, from ${ms(data.offset_ms[i])}, took ${ms(data.duration_ms[i])}`;
// Left and right go along a lane, up and down to what ran at the same time in the next.
const laneStep = (key) => {
  const { order, laneOf, at } = lanes;
  if (at == null || key === "Home") return order[0];
  if (key === "End") return order.at(-1);
  const lane = laneOf.get(at), along = order.filter((i) => laneOf.get(i) === lane);
  if (key === "ArrowRight" || key === "ArrowLeft") return along[along.indexOf(at) + (key === "ArrowRight" ? 1 : -1)] ?? at;
  const beside = order.filter((i) => laneOf.get(i) === lane + (key === "ArrowDown" ? 1 : -1));
  const far = (i) => Math.abs(data.offset_ms[i] - data.offset_ms[at]);
  return beside.reduce((best, i) => (far(i) < far(best) ? i : best), beside[0] ?? at);
};
const startLanes = () => {
  lanes = { ...packLanes(), at: null };
  if (!lanes.order.length) return;
  const slow = [...lanes.order].sort((a, b) => data.duration_ms[b] - data.duration_ms[a]).slice(0, 3);
  const rest = `${plural(lanes.order.length, "trial")}, at most ${lanes.count} at once. Thin lines were kept, thick ones were not. The slowest: ${slow.map((i) => `${names[i]} (${ms(data.duration_ms[i])})`).join("; ")}.`;
  const say = (i) => ($("lanes-says").textContent = i == null ? rest : laneText(i));
  say(null);
  lanesCanvas.setAttribute("aria-label", `Trials over time: ${plural(lanes.order.length, "trial")}, at most ${lanes.count} at once. Arrow keys go from trial to trial, Enter opens one.`);
  lanesCanvas.addEventListener("mousemove", (event) => say(trialAt(event)));
  lanesCanvas.addEventListener("mouseleave", () => say(lanes.at));
  lanesCanvas.addEventListener("click", (event) => {
    const i = trialAt(event);
    if (i != null) openTrial(i);
  });
  lanesCanvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" && lanes.at != null) openTrial(lanes.at);
    else if (["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"].includes(event.key)) {
      lanes.at = laneStep(event.key);
      say(lanes.at);
      paintLanes();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  // The same as rows.
  $("lanes-table").addEventListener("click", () => show({ ...NO_FILTER, sort: "offset_ms", group: "", cols: "verdict.name.offset_ms.duration_ms" }));
  repaints.push(paintLanes);
  paintLanes();
};
