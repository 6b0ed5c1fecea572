// Latency against loss: who is to the lower left of everybody else is on the frontier.
const STEPS = [0, 1, 10, 100, 1000, 10_000, Infinity], TOP = STEPS.length - 1;
// Loss on a scale that begins with nothing, goes by powers of ten, and ends with what no time bounds.
const levelOf = (window) => (window === Infinity ? TOP : window <= 0 ? 0 : window < 1 ? 0.6 : 1 + Math.log10(Math.min(window, 10_000)));
// Where a label may stand, the nearest first: beside its dot, and then in ever wider rings around it.
const SPOTS = [[1, 0], [-1, 0], ...[1, -1, 2, -2, 3, -3, 4, -4].flatMap((line) => [[0, line], [1, line], [-1, line]])];
const spotOf = (px, py, wide, [side, line]) => [side > 0 ? px + 9 : side < 0 ? px - 9 - wide : px - wide / 2, py + 4 + line * 16];
// Steps from the upper edge down to each and on to the right edge: above and to the right of them somebody does better.
const stairs = (points, right, top) => points.reduce((d, [px, py], n) => `${d}${n ? `H${px.toFixed(1)}` : `M${px.toFixed(1)} ${top}`}V${py.toFixed(1)}`, "") + `H${right}`;

const drawFrontier = (list, best, loss, recovery) => {
  const shown = list.filter((one) => one.p99 != null && one.tested), left = list.filter((one) => one.p99 != null && !one.tested);
  if (shown.length < 2) {
    $("frontier").replaceChildren();
    $("frontier-says").textContent = "";
    return;
  }
  const W = Math.max(300, Math.min(760, $("frontier").clientWidth || 520)), H = 350, L = 68, R = 16, T = 16, B = 44;
  const low = Math.min(...shown.map((one) => one.p99)), high = Math.max(...shown.map((one) => one.p99));
  const from = Math.log(low) - 0.15, to = Math.log(high) + 0.35;
  const x = (p99) => L + ((Math.log(p99) - from) / Math.max(to - from, 0.1)) * (W - L - R);
  const y = (window) => H - B - 10 - (levelOf(window) / TOP) * (H - T - B - 20);
  const frontier = [...shown].sort((a, b) => a.p99 - b.p99 || a.window - b.window).filter((one, n, all) => all.slice(0, n).every((other) => other.window > one.window));
  const root = svg("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": `Latency against worst loss. On the frontier: ${frontier.map((one) => one.name).join(", ")}` });
  if (loss < Infinity) root.append(svg("rect", { class: "within", x: L, y: y(loss) - 6, width: W - L - R, height: H - B - y(loss) + 6 }));
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
    svg("path", { class: "front", d: stairs(frontier.map((one) => [x(one.p99), y(one.window)]), W - R, T) }));
  // Labels make way for dots and for those that are there already; one that stands apart is joined to its dot.
  const taken = shown.map((one) => [x(one.p99) - 6, y(one.window) + 4, 12]), labels = [];
  for (const one of [...shown].sort((a, b) => (b === best) - (a === best) || frontier.includes(b) - frontier.includes(a) || a.p99 - b.p99)) {
    const px = x(one.p99), py = y(one.window), within = fits(one, loss, recovery), wide = one.name.length * (frontier.includes(one) ? 6.9 : 6.4) + 4;
    const free = SPOTS.map((spot) => [...spotOf(px, py, wide, spot), ...spot]).find(([sx, sy]) => sx > L && sx + wide < W - R + 8 && sy > 10 && sy < H - B + 4 && taken.every(([ox, oy, ow]) => sx + wide < ox || sx > ox + ow || Math.abs(sy - oy) > 13));
    if (free) {
      const [sx, sy, side, line] = free;
      taken.push([sx, sy, wide]);
      if (line) root.append(svg("line", { class: "lead", x1: px, y1: py, x2: side > 0 ? sx - 1 : side < 0 ? sx + wide - 2 : px, y2: side ? sy - 4 : line > 0 ? sy - 11 : sy + 3 }));
      labels.push(svg("text", { class: frontier.includes(one) ? "name on" : "name", x: sx, y: sy }, one.name));
    }
    labels.push(one === best
      ? svg("text", { class: "star", x: px, y: py + 6, "text-anchor": "middle" }, "★")
      : svg("circle", { class: within ? "dot" : "dot out", cx: px, cy: py, r: 4.5 }));
    labels.at(-1).append(svg("title", {}, `${one.name}: p99 ${ms(one.p99)}, worst loss ${lossText(one)}`));
  }
  root.append(...labels);
  $("frontier").replaceChildren(root);
  $("frontier-says").textContent = `Lower left is better. The stepped line is the frontier: whoever is not on it is beaten by somebody who is both quicker and safer. ${loss < Infinity ? "The shaded band is within the budget." : ""}${left.length ? ` Not drawn, since not tested under all that is ticked: ${listed(left.map((one) => one.name))}.` : ""}`;
};
