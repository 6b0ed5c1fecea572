// One trial on a line of time: writes and acknowledgements as density, what was lost of them, and what happened beside.
const MARKED = { start: "started", ready: "ready", fault: "fault", exit: "ended", "read-back": "read back", writes: "writes begin", step: "step", note: "note", fsync: "fsync" };
const SPANS = ["snapshot", "rewrite", "load", "fsync"];
const lasts = (event) => event.until_ms != null;
const lengthOf = (event) => event.until_ms - event.at_ms;
// More of a kind than can be told apart are drawn as one, the longest of them by name.
const MANY = 24;

// The line in pixels: where a moment lies, and whether it is in sight.
const scaleOf = (width, [from, to]) => {
  const small = width < 640, L = small ? 84 : 96, R = small ? 6 : 20;
  return { from, to, L, R, W: width, small, x: (at) => L + ((at - from) / (to - from)) * (width - L - R), has: (at) => at >= from && at <= to };
};
// Marks that would overlap go to the next line, as many lines as it takes.
const placeMarks = (events, { x, W, R, has, small }) => {
  const rows = [], most = small ? 26 : 34;
  const marks = events.filter((event) => !lasts(event) && has(event.at_ms)).map((event) => {
    const full = ["fault", "step", "note"].includes(event.kind) ? event.text : event.kind === "fsync" ? "fsync: " + event.text : (MARKED[event.kind] ?? event.kind);
    const text = full.length > most ? full.slice(0, most - 1) + "…" : full, at = x(event.at_ms), wide = text.length * 6.4 + 14;
    const left = at + wide > W - R ? at - wide : at;
    let row = rows.findIndex((end) => end < left);
    if (row < 0) row = rows.push(0) - 1;
    rows[row] = left + wide;
    return { event, at, left, row, text };
  });
  return { marks, rows: rows.length };
};
// Each life has a scale of its own, and roots keep a burst from flattening the rest. What is lost is always in sight.
const densityPath = (list, epoch, { from, to, x }, base, wave, least = 0) => {
  const most = Math.max(1, ...epoch.sent_density, ...epoch.ack_density);
  const y = (n) => (base - (n ? Math.max(least, Math.sqrt(n / most) * wave) : 0)).toFixed(1);
  let path = "", open = false;
  list.forEach((n, k) => {
    const left = Math.max(from, epoch.from_ms + k * epoch.bucket_ms), right = Math.min(to, epoch.from_ms + (k + 1) * epoch.bucket_ms);
    if (right <= left) return;
    path += `${open ? "L" : "M" + x(left).toFixed(1) + " " + base + "L"}${x(left).toFixed(1)} ${y(n)}L${x(right).toFixed(1)} ${y(n)}`;
    open = right;
  });
  return open ? path + `L${x(open).toFixed(1)} ${base}Z` : "";
};
// What lasted, a line for each kind. Of many, the height is how long each took; the longest bears its time.
const spanRow = (kind, events, scale, top) => {
  const { x, L, R, W, from, to } = scale, seen = events.filter((event) => event.at_ms < to && event.until_ms > from);
  const edges = (event) => [x(Math.max(event.at_ms, from)), x(Math.min(event.until_ms, to))];
  const label = (text, left, right) => {
    const wide = text.length * 6.2 + 8, after = right + wide < W - R;
    return svg("text", { class: "length", x: after ? right + 5 : left - 5, y: top + 10, "text-anchor": after ? "start" : "end" }, text);
  };
  const parts = [svg("text", { x: L - 8, y: top + 10, "text-anchor": "end" }, seen.length > 1 ? `${kind} ${count(seen.length)}×` : kind)];
  if (!seen.length) return parts;
  const longest = seen.reduce((one, other) => (lengthOf(other) > lengthOf(one) ? other : one));
  if (seen.length <= MANY) {
    for (const event of seen) {
      const [left, right] = edges(event);
      parts.push(svg("rect", { class: "span", x: left, y: top + 1, width: Math.max(2, right - left), height: 10 }, svg("title", {}, `${kind} ${ms(event.at_ms)} to ${ms(event.until_ms)}: ${event.text}`)));
    }
  } else {
    const most = Math.max(lengthOf(longest), 1e-6), path = seen.map((event) => {
      const [left, right] = edges(event), high = Math.max(2, 11 * Math.sqrt(lengthOf(event) / most));
      return `M${left.toFixed(1)} ${top + 11.5}v${(-high).toFixed(1)}h${Math.max(1, right - left).toFixed(1)}v${high.toFixed(1)}z`;
    });
    const sorted = seen.map(lengthOf).sort((a, b) => a - b);
    parts.push(svg("path", { class: "span", d: path.join("") }, svg("title", {}, `${plural(seen.length, kind)}: half within ${ms(sorted[sorted.length >> 1])}, the longest ${ms(lengthOf(longest))} from ${ms(longest.at_ms)} on`)));
  }
  const [left, right] = edges(longest);
  parts.push(label(ms(lengthOf(longest)), left, Math.max(right, left + 2)));
  return parts;
};
// Lives follow each other on one line. Models of an explored disk end one and the same life in different ways: a line for each.
const livesOf = (trial, epochs, end, { from, to, x, has, L }, axis) => trial.epochs.flatMap((epoch, n) => {
  const next = trial.epochs[n + 1], right = Math.min(to, next ? next.from_ms : end), left = Math.max(from, n ? epoch.from_ms : 0);
  const ground = right > left && n % 2 ? svg("rect", { class: "life", x: x(left), y: 0, width: x(right) - x(left), height: axis }) : null;
  const seen = has(epoch.from_ms) || (epoch.from_ms < from && epoch.fault_ms > from);
  return [ground, seen ? svg("text", { x: Math.max(L, x(Math.max(epoch.from_ms, from))) + 2, y: 13, class: "title" }, `life ${n + 1}`) : null].filter(Boolean);
});
const cutOf = (epoch, { x, has, W, R }, base, wave) => {
  if (!has(epoch.fault_ms)) return [];
  const at = x(epoch.fault_ms), text = `✕ cut at ${ms(epoch.fault_ms)}`, after = at + text.length * 6.6 < W - R;
  return [svg("line", { class: "strike", x1: at, x2: at, y1: base - wave, y2: base }), svg("text", { class: "at strike", x: after ? at + 5 : at - 5, y: base - wave + 9, "text-anchor": after ? "start" : "end" }, text)];
};
const drawTimeline = (trial, epochs, end, scale) => {
  const { from, to, x, L, R, W, small } = scale, models = trial.exploration != null, rowsOfWrites = models ? Math.max(1, epochs.length) : 1, top = models ? 8 : 24, wave = models ? 52 : small ? 84 : 108, SPAN = 17;
  const baseOf = (n) => top + wave + (models ? n * (wave + 16) : 0), base = baseOf(rowsOfWrites - 1);
  const spans = SPANS.filter((kind) => trial.events.some((event) => event.kind === kind && lasts(event)));
  const { marks, rows } = placeMarks(trial.events, scale);
  const spanTop = base + 10, markTop = spanTop + spans.length * SPAN + 16, axis = markTop + rows * 16 + 4, H = axis + 24;
  const root = svg("svg", { viewBox: `0 0 ${W} ${H}`, width: W, height: H, role: "img", "aria-label": `Timeline: ${plural(trial.events.length, "event")}, ${models ? plural(epochs.length, "model") : plural(trial.epochs.length, "life", "lives")}. The list of what happened says the same.` });
  root.append(svg("defs", {}, svg("pattern", { id: "hatch", width: 4, height: 4, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, svg("rect", { width: 4, height: 4, class: "gone" }), svg("line", { x1: 0, y1: 0, x2: 0, y2: 4, class: "grain" }))));
  if (!models) root.append(...livesOf(trial, epochs, end, scale, axis));
  epochs.forEach((epoch, n) => {
    const own = baseOf(n);
    root.append(
      svg("path", { class: "acked", d: densityPath(epoch.ack_density, epoch, scale, own, wave) }),
      svg("path", { class: "sent", d: densityPath(epoch.sent_density, epoch, scale, own, wave) }),
      svg("path", { class: "lost", d: densityPath(epoch.lost_density, epoch, scale, own, wave, 5), fill: "url(#hatch)" }));
    if (models) root.append(...cutOf(epoch, scale, own, wave), svg("text", { x: L - 8, y: own, "text-anchor": "end" }, modelOf(epoch).slice(0, 14), svg("title", {}, modelOf(epoch))), svg("line", { class: "axis", x1: L, x2: W - R, y1: own, y2: own }));
  });
  if (!models || !epochs.length) root.append(svg("text", { x: L - 8, y: base, "text-anchor": "end" }, "writes"), svg("line", { class: "axis", x1: L, x2: W - R, y1: base, y2: base }));
  spans.forEach((kind, n) => root.append(...spanRow(kind, trial.events.filter((event) => event.kind === kind && lasts(event)), scale, spanTop + n * SPAN)));
  // All lines before all words: a word stands out from the lines that pass below it.
  const isFault = ({ event }) => event.kind === "fault";
  root.append(
    ...marks.map((mark) => svg("line", { class: isFault(mark) ? "strike" : "tick", x1: mark.at, x2: mark.at, y1: isFault(mark) ? 6 : base, y2: markTop + mark.row * 16 + (mark.left === mark.at ? 3 : 5) })),
    ...marks.map((mark) => svg("text", { class: isFault(mark) ? "at strike" : "at", x: mark.left + 4, y: markTop + mark.row * 16 + 3 }, isFault(mark) ? "✕ " : "", mark.text, svg("title", {}, `${ms(mark.event.at_ms)} ${mark.event.kind}: ${mark.event.text}`))));
  root.append(svg("line", { class: "axis", x1: L, x2: W - R, y1: axis, y2: axis }));
  const steps = small ? 3 : 6;
  for (let n = 0; n <= steps; n++) {
    const at = from + ((to - from) * n) / steps;
    root.append(svg("text", { x: x(at), y: axis + 16, "text-anchor": n === steps ? "end" : n ? "middle" : "start" }, ms(at)));
  }
  return root;
};
// The surroundings of each fault; of faults at the same moment one view shows all.
const faultViews = (trial, epochs, end) => {
  const models = trial.exploration != null, near = Math.max(40, Math.min(400, end / 12)), views = [];
  for (const [n, epoch] of (models ? epochs : trial.epochs).entries()) {
    const at = epoch.fault_ms, name = models ? modelOf(epoch) : String(n + 1), same = views.find((view) => Math.abs(view.at - at) < near / 10);
    if (same) same.names.push(name);
    else views.push({ at, names: [name] });
  }
  return views.map(({ at, names }) => [`around ${models ? "the cut of" : "fault"} ${listed(names)}`, [Math.max(0, at - near), at + near]]);
};
// The line that is on the page is drawn anew when its place gets another width.
let redrawTimeline = () => {};
const timeline = (trial) => {
  const epochs = trial.epochs.filter((epoch) => epoch.ack_density.length);
  const ends = [...trial.events.map((event) => event.until_ms ?? event.at_ms), ...epochs.map((epoch) => Math.max(epoch.fault_ms, epoch.from_ms + epoch.bucket_ms * epoch.ack_density.length))];
  if (!ends.length) return el("p", { class: "quiet" }, "Nothing happened that could be drawn.");
  const end = ends.reduce((one, other) => Math.max(one, other), 1);
  const views = [["whole trial", [0, end]]];
  views.push(...faultViews(trial, epochs, end));
  let view = views[0], drawn = 0;
  const box = el("div", { class: "timeline" });
  const draw = () => {
    const room = (box.isConnected ? box : $("trial")).clientWidth - (box.isConnected ? 0 : narrow() ? 32 : 64);
    drawn = room;
    const known = trial.events.filter((event) => SPANS.includes(event.kind) && lasts(event));
    box.replaceChildren(
      el("div", { class: "views", role: "group", "aria-label": "Part of the timeline" }, ...views.map((one) => button(one[0], () => {
        view = one;
        draw();
      }, { "aria-pressed": String(one === view) }))),
      drawTimeline(trial, epochs, end, scaleOf(Math.max(300, room), view[1])),
      el("p", { class: "hint" }, el("span", { class: "key acked" }), " acknowledged ", el("span", { class: "key sent" }), " sent ", el("span", { class: "key lost" }), " acknowledged and lost. ", `Height is the square root of writes per second, each ${trial.exploration ? "model" : "life"} on its own scale.`, known.length > MANY ? " Bars of a line with many are the higher the longer they took; the longest bears its time." : ""));
  };
  draw();
  redrawTimeline = () => box.isConnected && box.clientWidth !== drawn && draw();
  return box;
};
// The acknowledged writes of a life in their order, and which of them are gone.
const orderStrip = (epoch) => {
  const all = epoch.ack_density.reduce((sum, n) => sum + n, 0), W = 1000;
  if (!all) return null;
  const root = svg("svg", { class: "strip", viewBox: `0 0 ${W} 22`, preserveAspectRatio: "none", role: "img", "aria-label": `${count(epoch.lost)} of ${count(all)} acknowledged writes are lost: ${SHAPES[epoch.shape]}` }, svg("rect", { class: "acked", x: 0, y: 0, width: W, height: 22 }));
  let before = 0, d = "", open = false;
  epoch.ack_density.forEach((n, k) => {
    const gone = epoch.lost_density[k];
    if (!n && !gone) return;
    const left = (before / all) * W, right = Math.max(left + 2, ((before + n) / all) * W), y = 22 - Math.max(6, (22 * gone) / Math.max(1, n));
    if (gone) d += `${open ? "L" : `M${left.toFixed(1)} 23L`}${left.toFixed(1)} ${y.toFixed(1)}L${right.toFixed(1)} ${y.toFixed(1)}`;
    else if (open) d += `L${left.toFixed(1)} 23Z`;
    open = gone > 0;
    before += n;
  });
  if (open) d += `L${W} 23Z`;
  if (d) root.append(svg("path", { class: "gone", d }));
  return root;
};
