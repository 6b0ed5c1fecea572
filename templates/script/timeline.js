// One trial on a line of time: writes and acknowledgements as density, what was lost of them, and what happened beside.
const MARKED = { start: "started", ready: "ready", fault: "fault", exit: "ended", "read-back": "read back", writes: "writes begin", step: "step", note: "note", fsync: "fsync" };
const SPANS = ["snapshot", "rewrite", "load", "fsync"];
const timeline = (trial) => {
  const epochs = trial.epochs.filter((epoch) => epoch.ack_density.length);
  const W = 1240, L = 96, R = 20, TOP = 26, WAVE = 104, SPAN = 15;
  const ends = [...trial.events.map((event) => event.until_ms ?? event.at_ms), ...epochs.map((epoch) => epoch.from_ms + epoch.bucket_ms * epoch.ack_density.length)];
  if (!ends.length) return el("p", { class: "quiet" }, "Nothing happened that could be drawn.");
  const whole = [0, Math.max(...ends, 1)];
  const views = [["whole trial", whole]];
  trial.epochs.forEach((epoch, n) => {
    const near = Math.max(40, Math.min(400, (whole[1] - whole[0]) / 12));
    views.push([`around fault ${n + 1}`, [Math.max(0, epoch.fault_ms - near), epoch.fault_ms + near]]);
  });
  const spans = SPANS.filter((kind) => trial.events.some((event) => event.kind === kind && event.until_ms != null));
  const box = el("div", { class: "timeline" });
  const draw = ([from, to]) => {
    const x = (at) => L + ((at - from) / (to - from)) * (W - L - R);
    const inside = (at) => at >= from && at <= to;
    const base = TOP + WAVE, spanTop = base + 12;
    // Marks that would overlap go to the next line.
    const marks = trial.events.filter((event) => event.until_ms == null && inside(event.at_ms)).map((event) => ({ event, at: x(event.at_ms), text: event.kind === "fault" || event.kind === "step" || event.kind === "note" ? event.text : event.kind === "fsync" ? "fsync: " + event.text : (MARKED[event.kind] ?? event.kind) }));
    const rows = [];
    for (const mark of marks) {
      const wide = Math.min(mark.text.length, 34) * 6.4 + 12;
      mark.left = mark.at + wide > W - R ? mark.at - wide : mark.at;
      mark.row = rows.findIndex((end) => end < mark.left);
      if (mark.row < 0) mark.row = rows.push(0) - 1;
      rows[mark.row] = mark.left + wide;
    }
    const markTop = spanTop + spans.length * SPAN + 16, axis = markTop + rows.length * 16 + 4, H = axis + 26;
    // Each life has a scale of its own, and roots keep a burst from flattening the rest. What is lost is always in sight.
    const area = (list, epoch, least = 0) => {
      const most = Math.max(1, ...epoch.sent_density, ...epoch.ack_density);
      const y = (n) => (base - (n ? Math.max(least, Math.sqrt(n / most) * WAVE) : 0)).toFixed(1);
      let path = "", open = false;
      list.forEach((n, k) => {
        const left = Math.max(from, epoch.from_ms + k * epoch.bucket_ms), right = Math.min(to, epoch.from_ms + (k + 1) * epoch.bucket_ms);
        if (right <= left) return;
        path += `${open ? "L" : "M" + x(left).toFixed(1) + " " + base + "L"}${x(left).toFixed(1)} ${y(n)}L${x(right).toFixed(1)} ${y(n)}`;
        open = right;
      });
      return open ? path + `L${x(open).toFixed(1)} ${base}Z` : "";
    };
    const root = svg("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": `Timeline: ${trial.events.length} events, ${trial.epochs.length} lives` });
    const hatch = svg("pattern", { id: "hatch", width: 4, height: 4, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, svg("rect", { width: 4, height: 4, class: "gone" }), svg("line", { x1: 0, y1: 0, x2: 0, y2: 4, class: "grain" }));
    root.append(svg("defs", {}, hatch));
    trial.epochs.forEach((epoch, n) => {
      const next = trial.epochs[n + 1], right = Math.min(to, next ? next.from_ms : whole[1]), left = Math.max(from, n ? epoch.from_ms : 0);
      if (right > left && n % 2) root.append(svg("rect", { class: "life", x: x(left), y: 0, width: x(right) - x(left), height: axis }));
      if (inside(epoch.from_ms) || (epoch.from_ms < from && epoch.fault_ms > from)) root.append(svg("text", { x: Math.max(L, x(Math.max(epoch.from_ms, from))) + 2, y: 14, class: "title" }, `life ${n + 1}`));
    });
    for (const epoch of epochs) root.append(
      svg("path", { class: "sent", d: area(epoch.sent_density, epoch) }),
      svg("path", { class: "acked", d: area(epoch.ack_density, epoch) }),
      svg("path", { class: "lost", d: area(epoch.lost_density, epoch, 5), fill: "url(#hatch)" }));
    root.append(svg("text", { x: L - 8, y: base, "text-anchor": "end" }, "writes"), svg("line", { class: "axis", x1: L, x2: W - R, y1: base, y2: base }));
    spans.forEach((kind, n) => {
      const y = spanTop + n * SPAN;
      root.append(svg("text", { x: L - 8, y: y + 9, "text-anchor": "end" }, kind));
      for (const event of trial.events.filter((event) => event.kind === kind && event.until_ms != null && event.at_ms < to && event.until_ms > from)) {
        const left = x(Math.max(event.at_ms, from)), right = x(Math.min(event.until_ms, to));
        root.append(svg("rect", { class: "span", x: left, y, width: Math.max(2, right - left), height: 9, rx: 2 }, svg("title", {}, `${kind} ${ms(event.at_ms)} to ${ms(event.until_ms)}: ${event.text}`)));
      }
    });
    for (const { event, at, left, row, text } of marks) {
      const y = markTop + row * 16, fault = event.kind === "fault";
      root.append(
        svg("line", { class: fault ? "strike" : "tick", x1: at, x2: at, y1: fault ? 6 : base, y2: y + (left === at ? 3 : 5) }),
        svg("text", { class: fault ? "at strike" : "at", x: left + 4, y: y + 3 }, fault ? "✕ " : "", text.length > 34 ? text.slice(0, 33) + "…" : text, svg("title", {}, `${ms(event.at_ms)} ${event.kind}: ${event.text}`)));
    }
    root.append(svg("line", { class: "axis", x1: L, x2: W - R, y1: axis, y2: axis }));
    for (let n = 0; n <= 6; n++) {
      const at = from + ((to - from) * n) / 6;
      root.append(svg("text", { x: x(at), y: axis + 16, "text-anchor": n === 6 ? "end" : n ? "middle" : "start" }, ms(at)));
    }
    box.replaceChildren(
      el("div", { class: "views", role: "group", "aria-label": "Part of the timeline" }, ...views.map((view) => button(view[0], () => draw(view[1]), { "aria-pressed": view[1][0] === from && view[1][1] === to }))),
      el("div", { class: "scroll" }, root),
      el("p", { class: "hint" }, el("span", { class: "key sent" }), " sent ", el("span", { class: "key acked" }), " acknowledged ", el("span", { class: "key lost" }), " acknowledged and lost. Height is the square root of writes per second, each life on its own scale."));
  };
  draw(whole);
  return box;
};
// The acknowledged writes of a life in their order, and which of them are gone.
const orderStrip = (epoch) => {
  const all = epoch.ack_density.reduce((sum, n) => sum + n, 0), W = 1000;
  if (!all) return null;
  const root = svg("svg", { class: "strip", viewBox: `0 0 ${W} 22`, preserveAspectRatio: "none", role: "img", "aria-label": `${count(epoch.lost)} of ${count(all)} acknowledged writes are lost: ${SHAPES[epoch.shape]}` }, svg("rect", { class: "acked", x: 0, y: 0, width: W, height: 22 }));
  let before = 0;
  epoch.ack_density.forEach((n, k) => {
    const gone = epoch.lost_density[k];
    const high = Math.max(6, (22 * gone) / Math.max(1, n));
    if (gone) root.append(svg("rect", { class: "gone", x: (before / all) * W, y: 22 - high, width: Math.max(2, (n / all) * W), height: high }));
    before += n;
  });
  return root;
};
