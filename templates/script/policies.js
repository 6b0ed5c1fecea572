// What each policy costs and what it saves, over the trials that count.
const CLASSES = { death: "the process dies", power: "the power goes", files: "files are damaged", place: "the volume is taken away", disk: "the disk fails", failover: "a replica takes over", switch: "settings or versions change" };
const BUDGETS = [["nothing", 0], ["the last 10 ms", 10], ["the last 100 ms", 100], ["the last second", 1000], ["the last 2.1 s", 2100], ["the last 10 s", 10_000], ["the last minute", 60_000], ["everything", Infinity]];
const ABSENCES = [["any time", Infinity], ["100 ms", 100], ["500 ms", 500], ["1 s", 1000], ["5 s", 5000], ["30 s", 30_000]];
const middle = (list) => (list.length ? list.sort((a, b) => a - b)[Math.floor(list.length / 2)] : null);
const costPick = { workload: $("cost-workload"), server: $("cost-server") };

const readPolicies = () => {
  const chosen = Object.entries(costPick).filter(([, select]) => select.value).map(([dim, select]) => [data[dim].at, data[dim].words.indexOf(select.value)]);
  const classes = new Set([...$("budget-classes").querySelectorAll("input:checked")].map((box) => box.value));
  const counts = data.class.words.map((one) => classes.has(one));
  const all = new Map();
  for (let i = 0; i < total; i++) {
    if (!provesAt(i) || !chosen.every(([at, wanted]) => at[i] === wanted)) continue;
    const key = data.persistence.at[i];
    let one = all.get(key);
    if (!one) all.set(key, (one = { name: word("persistence", i), runs: 0, lossy: 0, share: 0, lost: 0, window: 0, bound: 0, recovery: null, away: 0, worst: -1, rates: [], p99s: [], pace: null }));
    // What it costs does not depend on the fault that comes after.
    if (data.rate[i] != null) one.rates.push(data.rate[i]);
    if (data.p99_ms[i] != null) one.p99s.push(data.p99_ms[i]);
    one.pace = data.pace[i] ?? one.pace;
    if (!counts[data.class.at[i]]) continue;
    one.runs++;
    one.lossy += data.lost[i] > 0;
    if (data.recovery_ms[i] == null) one.away++;
    else one.recovery = Math.max(one.recovery ?? 0, data.recovery_ms[i]);
    // A loss that no time bounds is as long as the trial happened to write: its age says nothing of the next one.
    const bound = data.allowed_ms[i] ?? Infinity;
    one.window = Math.max(one.window, data.lost[i] ? (bound === Infinity ? Infinity : (data.window_ms[i] ?? Infinity)) : 0);
    one.bound = Math.max(one.bound, bound);
    if (one.worst < 0 || data.share[i] > one.share || (data.share[i] === one.share && data.lost[i] > one.lost)) {
      one.worst = i;
      one.share = data.share[i];
      one.lost = data.lost[i];
    }
  }
  const list = [...all.values()].filter((one) => one.runs);
  for (const one of list) {
    one.rate = middle(one.rates);
    one.p99 = middle(one.p99s);
  }
  return list.sort((a, b) => a.window - b.window || a.share - b.share || (a.p99 ?? 0) - (b.p99 ?? 0));
};
// Seen to stay within the budget; `promised` asks for more: that it has to.
const fits = (one, loss, recovery) => one.window <= loss && !(one.away && recovery < Infinity) && (one.recovery ?? 0) <= recovery;
// Cheaper is a lower latency; where two are within a twentieth, the one that lost less.
const cheapest = (list) => [...list].filter((one) => one.p99 != null).sort((a, b) => (Math.abs(a.p99 - b.p99) <= 0.05 * Math.max(a.p99, b.p99) ? a.window - b.window || b.runs - a.runs : a.p99 - b.p99))[0];
const promised = (one, loss) => one.bound <= loss;
const windowText = (window) => (window === Infinity ? "no bound in time" : ms(window));
const lossText = (one) => (one.lossy ? `${percent(one.share)}, ${one.window === Infinity ? "with no bound in time" : "the oldest " + ms(one.window)}` : "nothing");

const advise = (list, loss, recovery) => {
  const most = Math.max(0, ...list.map((one) => one.runs));
  const good = list.filter((one) => fits(one, loss, recovery));
  const firm = good.filter((one) => promised(one, loss) && one.runs * 4 >= most);
  const best = cheapest(firm.length ? firm : good);
  if (!best) return [["No policy that was tested stays within this budget."], null];
  const words = [el("b", {}, best.name), `: lost ${best.lossy ? (best.window === Infinity ? `up to ${percent(best.share)} of what was written` : "at most " + ms(best.window)) : "nothing"} in ${plural(best.runs, "trial")}`];
  words.push(best.lossy ? "" : ` (a loss has a chance of at most ${chanceText(best.runs)} per trial)`);
  words.push(`, came back within ${ms(best.recovery)}, and acknowledged 99 of 100 writes within ${ms(best.p99)}. `);
  if (!promised(best, loss)) words.push(`Its promise does not go that far: it may lose ${best.bound === Infinity ? "more than any time says" : "the last " + ms(best.bound)}. `);
  const cheaper = cheapest(list.filter((one) => !good.includes(one) && one.p99 != null && one.p99 < best.p99 * 0.95));
  if (cheaper) words.push(`${cheaper.name} is quicker (${ms(cheaper.p99)}) but ${cheaper.window > loss ? "lost " + lossText(cheaper) : "was away too long"}. `);
  const near = cheapest(list.filter((one) => one.window < best.window));
  if (near) words.push(`${near.name} loses less (${lossText(near)}) at ${near.p99 >= best.p99 ? (near.p99 / best.p99).toFixed(1) + " times the latency" : "no higher a latency"}. `);
  if (best.runs * 4 < most) words.push("Few trials stand behind this: another policy had four times as many. ");
  if (!data.class.words.includes("power")) words.push(el("span", { class: "quiet" }, "No trial of this run cuts the power: what was left to the kernel was never at risk."));
  return [words, best];
};
const bar = (value, most) => {
  const node = el("span", { class: "bar", "aria-hidden": "true" }, el("i"));
  node.firstChild.style.width = (most ? Math.max(2, (100 * value) / most) : 0) + "%";
  return node;
};
const drawPolicies = () => {
  const list = readPolicies();
  const loss = BUDGETS[$("budget-loss").selectedIndex][1], recovery = ABSENCES[$("budget-recovery").selectedIndex][1];
  const [words, best] = advise(list, loss, recovery);
  $("advice").replaceChildren(...words);
  const mostRate = Math.max(1, ...list.map((one) => one.rate ?? 0)), mostP99 = Math.max(0.001, ...list.map((one) => one.p99 ?? 0));
  const row = (one) => {
    const within = fits(one, loss, recovery);
    return el("tr", { class: one === best ? "best" : within ? "" : "out" },
      el("th", { scope: "row" }, el("span", { class: "fit", title: within ? (promised(one, loss) ? "within the budget" : "was within the budget; its promise allows more") : "over the budget" }, one === best ? "★ " : within ? (promised(one, loss) ? "✓ " : "○ ") : "✕ "), one.name),
      el("td", { class: "n" }, one.rate == null ? "–" : count(one.rate), bar(one.rate ?? 0, mostRate)),
      el("td", { class: "n" }, one.p99 == null ? "–" : ms(one.p99), bar(one.p99 ?? 0, mostP99)),
      el("td", {}, one.lossy ? el("a", { href: addressOf({ trial: names[one.worst] }) }, `${percent(one.share)}`) : "nothing", one.lossy ? ` · ${windowText(one.window)}` : ""),
      el("td", { class: "n" }, one.away ? "✕ not always" : ms(one.recovery)),
      el("td", { class: "n quiet" }, count(one.runs), one.lossy ? "" : ` ≤${chanceText(one.runs)}`));
  };
  $("cost-table").replaceChildren(
    el("caption", { class: "unseen" }, "Cost and loss by policy"),
    el("thead", {}, el("tr", {}, ...["Policy", "Writes per second", "p99 of a write", "Worst loss", "Recovery at worst", "Trials"].map((text, n) => el("th", { scope: "col", class: [1, 2, 4, 5].includes(n) ? "n" : "" }, text)))),
    el("tbody", {}, ...list.map(row)));
  const pace = list.find((one) => one.pace)?.pace;
  $("cost-fine").textContent = `★ advised, ✓ within the budget, ○ was within it though its promise allows more, ✕ over it. Medians over the trials of a policy${pace ? `; this workload is held to ${count(pace)} writes per second, so its throughput says whether a policy keeps up, and its latency what it costs` : ""}. Trials share ${plural(data.cpus, "processor")} with each other: compare the figures, do not quote them.`;
  drawFrontier(list, best, loss, recovery);
};
const startPolicies = () => {
  // The workload that most policies ran under compares most of them; of equals one that nothing holds back.
  const seen = new Map();
  for (let i = 0; i < total; i++) {
    if (!provesAt(i) || word("class", i) !== "death" || data.p99_ms[i] == null) continue;
    const one = seen.get(word("workload", i)) ?? { policies: new Set(), trials: 0 };
    one.policies.add(data.persistence.at[i]);
    one.trials++;
    seen.set(word("workload", i), one);
  }
  const ranked = [...seen].sort(([, a], [, b]) => b.policies.size - a.policies.size || b.trials - a.trials).map(([name]) => name);
  options(costPick.workload, [...seen.keys()].sort());
  costPick.workload.append(el("option", { value: "" }, "all, unlike as they are"));
  costPick.workload.value = ranked[0] ?? "";
  options(costPick.server, sorted("server"), "all");
  $("budget-loss").append(...BUDGETS.map(([text]) => el("option", {}, text)));
  $("budget-loss").selectedIndex = 3;
  $("budget-recovery").append(...ABSENCES.map(([text]) => el("option", {}, text)));
  for (const [value, text] of Object.entries(CLASSES)) {
    if (!data.class.words.includes(value)) continue;
    $("budget-classes").append(el("label", {}, el("input", { type: "checkbox", value, checked: value === "death" }), " " + text));
  }
  for (const select of Object.values(costPick)) select.addEventListener("change", drawPolicies);
  $("budget").addEventListener("input", drawPolicies);
  $("budget").addEventListener("submit", (event) => event.preventDefault());
  drawPolicies();
};
