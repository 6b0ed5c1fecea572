// Latency against loss: who is to the lower left of everybody else is on the frontier.
const drawFrontier = (list, best, loss, recovery) => {
  const shown = list.filter((one) => one.p99 != null && one.runs);
  if (shown.length < 2) {
    $("frontier").replaceChildren();
    $("frontier-says").textContent = "";
    return;
  }
  const W = 520, H = 330, L = 68, R = 16, T = 16, B = 44;
  // Loss on a scale that begins with nothing, goes by powers of ten, and ends with what no time bounds.
  const STEPS = [0, 1, 10, 100, 1000, 10_000, Infinity], top = STEPS.length - 1;
  const level = (window) => (window === Infinity ? top : window <= 0 ? 0 : window < 1 ? 0.6 : 1 + Math.log10(Math.min(window, 10_000)));
  const low = Math.min(...shown.map((one) => one.p99)), high = Math.max(...shown.map((one) => one.p99));
  const from = Math.log(low) - 0.15, to = Math.log(high) + 0.35;
  const x = (p99) => L + ((Math.log(p99) - from) / Math.max(to - from, 0.1)) * (W - L - R);
  const y = (window) => H - B - (level(window) / top) * (H - T - B);
  const frontier = [...shown].sort((a, b) => a.p99 - b.p99 || a.window - b.window).filter((one, n, all) => all.slice(0, n).every((other) => other.window > one.window));
  const root = svg("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": `Latency against worst loss. On the frontier: ${frontier.map((one) => one.name).join(", ")}` });
  if (loss < Infinity) root.append(svg("rect", { class: "within", x: L, y: y(loss) - 4, width: W - L - R, height: H - B - y(loss) + 4 }));
  STEPS.forEach((step) => root.append(
    svg("line", { class: "rule", x1: L, x2: W - R, y1: y(step), y2: y(step) }),
    svg("text", { x: L - 8, y: y(step) + 4, "text-anchor": "end" }, step === Infinity ? "no bound" : step ? ms(step).replace(/\.0+ /, " ") : "nothing")));
  for (let n = 0; n < 4; n++) {
    const p99 = Math.exp(from + ((n + 0.5) / 4) * (to - from));
    root.append(svg("text", { x: x(p99), y: H - B + 18, "text-anchor": "middle" }, ms(p99)));
  }
  root.append(
    svg("text", { class: "axis", x: W - R, y: H - 8, "text-anchor": "end" }, "p99 of a write →"),
    svg("text", { class: "axis", x: L, y: H - 8 }, "↑ age of the oldest lost write"),
    svg("polyline", { class: "front", points: frontier.map((one) => `${x(one.p99).toFixed(1)},${y(one.window).toFixed(1)}`).join(" ") }));
  // Labels make way for those that are there already.
  const taken = shown.map((one) => [x(one.p99) - 5, y(one.window) + 4, 10]);
  for (const one of [...shown].sort((a, b) => frontier.includes(b) - frontier.includes(a))) {
    const px = x(one.p99), py = y(one.window), within = fits(one, loss, recovery), wide = one.name.length * 6.2 + 4;
    const spots = [[9, 4], [-9 - wide, 4], [9, -9], [9, 17], [-9 - wide, -9], [-9 - wide, 17], [9, 30], [9, -22]].map(([dx, dy]) => [px + dx, py + dy]);
    const free = spots.find(([sx, sy]) => sx > L && sx + wide < W && sy > 8 && sy < H - B + 8 && taken.every(([ox, oy, ow]) => sx + wide < ox || sx > ox + ow || Math.abs(sy - oy) > 12));
    root.append(one === best
      ? svg("text", { class: "star", x: px, y: py + 6, "text-anchor": "middle" }, "★")
      : svg("circle", { class: within ? "dot" : "dot out", cx: px, cy: py, r: 4.5 }));
    root.lastChild.append(svg("title", {}, `${one.name}: p99 ${ms(one.p99)}, worst loss ${lossText(one)}`));
    if (!free) continue;
    taken.push([free[0], free[1], wide]);
    root.append(svg("text", { class: frontier.includes(one) ? "name on" : "name", x: free[0], y: free[1] }, one.name));
  }
  $("frontier").replaceChildren(root);
  $("frontier-says").textContent = `Lower left is better. The line is the frontier: whoever is not on it is beaten by somebody who is both quicker and safer. The shaded band is within the budget.`;
};
