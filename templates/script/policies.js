// What each policy costs and what it saves, over the trials that count.
const BUDGETS = [["nothing", 0], ["the last 10 ms", 10], ["the last 100 ms", 100], ["the last second", 1000], ["the last 2.1 s", 2100], ["the last 10 s", 10_000], ["the last minute", 60_000], ["everything", Infinity]];
const ABSENCES = [["any time", Infinity], ["100 ms", 100], ["500 ms", 500], ["1 s", 1000], ["5 s", 5000], ["30 s", 30_000]];
const costPick = { workload: $("cost-workload"), server: $("cost-server"), storage: $("cost-storage") };
const middle = (list) => (list.length ? list[Math.floor(list.length / 2)] : null);
// The median lies between these two (95% sure), whatever the values are spread like; few values say nothing.
const rangeOf = (list) => {
  if (list.length < 6) return null;
  const reach = Math.floor((list.length - 1.96 * Math.sqrt(list.length)) / 2);
  return [list[Math.max(0, reach)], list[Math.min(list.length - 1, list.length - 1 - reach)]];
};
// Another place is another disk: a latency is compared on the one that most policies were measured on.
const storageAt = (i) => word("place", i).split("@")[1] ?? "";
const measured = (i) => data.p99_ms[i] != null && word("class", i) !== "policy" && data.back[i] !== 3;
const commonStorage = (chosen) => {
  const seen = new Map();
  for (const i of chosen) if (measured(i)) seen.set(storageAt(i), (seen.get(storageAt(i)) ?? new Set()).add(data.persistence.at[i]));
  return [...seen].sort(([a, x], [b, y]) => y.size - x.size || a.length - b.length)[0]?.[0];
};
const readPolicies = () => {
  const wanted = Object.entries(costPick).filter(([, select]) => select.value).map(([dim, select]) => [data[dim].at, data[dim].words.indexOf(select.value)]);
  const ticked = [...$("budget-classes").querySelectorAll("input:checked")].map((box) => box.value);
  const chosen = [];
  for (let i = 0; i < total; i++) if (provesAt(i) && wanted.every(([at, value]) => at[i] === value)) chosen.push(i);
  const storage = commonStorage(chosen);
  const all = new Map();
  for (const i of chosen) {
    const key = data.persistence.at[i];
    let one = all.get(key);
    if (!one) all.set(key, (one = { name: word("persistence", i), runs: 0, met: new Set(), lossy: 0, share: 0, lost: 0, window: 0, bound: 0, recovery: null, away: 0, refused: 0, broken: 0, known: 0, flaw: -1, worst: -1, power: null, rates: [], p99s: [], pace: null }));
    // What it costs does not depend on the fault that comes after.
    if (measured(i) && storageAt(i) === storage) {
      if (data.rate[i] != null) one.rates.push(data.rate[i]);
      one.p99s.push(data.p99_ms[i]);
      one.pace = data.pace[i] ?? one.pace;
    }
    const misfortune = word("class", i);
    if (misfortune === "power") one.power = Math.max(one.power ?? 0, data.share[i]);
    if (!ticked.includes(misfortune)) continue;
    one.met.add(misfortune);
    one.runs++;
    one.lossy += data.lost[i] > 0;
    one.away += data.back[i] === 2;
    one.refused += data.back[i] === 1;
    if (data.recovery_ms[i] != null) one.recovery = Math.max(one.recovery ?? 0, data.recovery_ms[i]);
    const verdict = word("verdict", i);
    if (verdict === "known" || verdict === "broken") {
      one[verdict]++;
      // A breach speaks for a policy rather than a listed defect.
      if (one.flaw < 0 || (verdict === "broken" && word("verdict", one.flaw) !== "broken")) one.flaw = i;
    }
    // A loss that no time bounds is as long as the trial happened to write: its age says nothing of the next one.
    const bound = data.bound_ms[i] ?? Infinity;
    one.window = Math.max(one.window, data.lost[i] ? (bound === Infinity ? Infinity : (data.window_ms[i] ?? Infinity)) : 0);
    one.bound = Math.max(one.bound, bound);
    if (one.worst < 0 || data.share[i] > one.share || (data.share[i] === one.share && data.lost[i] > one.lost)) {
      one.worst = i;
      one.share = data.share[i];
      one.lost = data.lost[i];
    }
  }
  const list = [...all.values()].filter((one) => one.runs || one.p99s.length);
  for (const one of list) {
    one.rates.sort((a, b) => a - b);
    one.p99s.sort((a, b) => a - b);
    one.rate = middle(one.rates);
    one.p99 = middle(one.p99s);
    one.range = rangeOf(one.p99s);
    one.untested = ticked.filter((name) => !one.met.has(name));
    one.tested = one.runs > 0 && !one.untested.length;
  }
  return list.sort((a, b) => b.tested - a.tested || a.window - b.window || a.share - b.share || (a.p99 ?? 0) - (b.p99 ?? 0));
};
const bar = (value, most) => {
  const node = el("span", { class: "bar", "aria-hidden": "true" }, el("i"));
  node.firstChild.style.width = (most ? Math.max(2, (100 * value) / most) : 0) + "%";
  return node;
};
// Share, count and age of the worst loss are those of one life; the oldest of all is told apart, where it is another.
const worstLoss = (one) => {
  if (!one.lossy) return [];
  const life = lifeAt(one.worst), age = ms(life[2]), oldest = windowText(one.window);
  return [` (${writesText(life)})${age ? ` · ${age}` : ""}`, oldest === age ? "" : el("span", { class: "quiet range" }, one.window === Infinity ? oldest : `the oldest of any trial ${oldest}`)];
};
const COST = ["Policy", "Writes per second", "p99 of a write", "Worst loss", "Promised at most", "Recovery at worst", "Trials"];
let crowd;
const drawPolicies = () => {
  crowd ??= packLanes().count;
  const list = readPolicies();
  const loss = BUDGETS[$("budget-loss").selectedIndex][1], recovery = ABSENCES[$("budget-recovery").selectedIndex][1];
  const [words, best] = advise(list, loss, recovery);
  $("advice").replaceChildren(...words);
  const mostRate = Math.max(1, ...list.map((one) => one.rate ?? 0)), mostP99 = Math.max(0.001, ...list.map((one) => one.p99 ?? 0));
  const row = (one) => {
    const within = fits(one, loss, recovery);
    const [mark, title] = one === best ? ["★", "advised"] : !one.tested ? ["–", untestedText(one)] : !within ? ["✕", "over the budget"] : promised(one, loss) ? ["✓", "within the budget"] : ["○", "was within the budget; its promise allows more"];
    const cell = (title, attrs, ...kids) => el("td", { "data-title": title, ...attrs }, ...kids);
    return el("tr", { class: one === best ? "best" : within ? "" : "out" },
      el("th", { scope: "row" }, el("span", { class: "fit", role: "img", "aria-label": title, title }, mark), one.name, flawed(one) ? " " : "", flawed(one) ? el("span", { class: one.broken ? "no" : "v-known", title: flawText(one) }, one.broken ? "✕ breach" : " defect") : ""),
      cell(COST[1], { class: "n" }, one.rate == null ? "–" : count(one.rate), bar(one.rate ?? 0, mostRate)),
      cell(COST[2], { class: "n" }, one.p99 == null ? "–" : ms(one.p99), el("span", { class: "quiet range" }, one.range ? `${ms(one.range[0])} – ${ms(one.range[1])}` : one.p99 == null ? "" : "too few to compare"), bar(one.p99 ?? 0, mostP99)),
      cell(COST[3], {}, !one.runs ? "–" : one.lossy ? el("a", { href: addressOf({ trial: names[one.worst] }) }, percent(one.share)) : "nothing", ...worstLoss(one), one.tested ? "" : el("span", { class: "quiet range" }, untestedText(one))),
      cell(COST[4], { class: "n" }, !one.runs ? "–" : one.bound === 0 ? "nothing" : windowText(one.bound)),
      cell(COST[5], { class: "n" }, one.away ? `✕ ${awayText(one).replace(/ trials?$/, "")}` : one.recovery == null ? "–" : ms(one.recovery), one.refused ? el("span", { class: "quiet range" }, `refused in ${count(one.refused)}, as it may`) : ""),
      cell(COST[6], { class: "n quiet" }, count(one.runs), one.lossy || !one.runs ? "" : ` ≤${chanceText(one.runs)}`));
  };
  $("cost-table").replaceChildren(
    el("caption", { class: "unseen" }, "Cost and loss by policy"),
    el("thead", {}, el("tr", {}, ...COST.map((text, n) => el("th", { scope: "col", class: [1, 2, 4, 5, 6].includes(n) ? "n" : "" }, text)))),
    el("tbody", {}, ...list.map(row)));
  const pace = list.find((one) => one.pace)?.pace;
  $("cost-fine").textContent = `★ advised, ✓ within the budget, ○ was within it though its promise allows more, ✕ over it, – not tested under all that is ticked. Medians over the trials of a policy; below a latency, the range that holds its median (95% sure)${pace ? `; this workload is held to ${count(pace)} writes per second, at least until shortly before the fault` : ""}. ${crowd > 1 ? `Up to ${count(crowd)} trials at once share` : "Trials run on"} ${plural(data.cpus, "processor")}: compare the figures, do not quote them.`;
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
  for (const dim of ["server", "storage"]) {
    options(costPick[dim], sorted(dim), "all");
    costPick[dim].parentElement.hidden = data[dim].words.length < 2;
  }
  // A budget of the matrix is where to begin; without one, a second.
  const [lossBudget, absenceBudget] = data.budget;
  const begin = (list, budget, otherwise, name) => {
    if (budget == null) return otherwise;
    if (!list.some(([, value]) => value === budget)) list.push([name(budget), budget]);
    return list.findIndex(([, value]) => value === budget);
  };
  const loss = begin(BUDGETS, lossBudget, 3, (budget) => `the last ${ms(budget)}`), absence = begin(ABSENCES, absenceBudget, 0, ms);
  $("budget-loss").append(...BUDGETS.map(([text]) => el("option", {}, text)));
  $("budget-loss").selectedIndex = loss;
  $("budget-recovery").append(...ABSENCES.map(([text]) => el("option", {}, text)));
  $("budget-recovery").selectedIndex = absence;
  $("budget-from").textContent = lossBudget == null && absenceBudget == null ? "" : "begins with [[budget]] of the matrix";
  for (const [value, text] of Object.entries(CLASSES)) {
    if (!data.class.words.includes(value)) continue;
    $("budget-classes").append(el("label", {}, el("input", { type: "checkbox", value, checked: value === "death" || value === "power" }), " " + text));
  }
  for (const select of Object.values(costPick)) select.addEventListener("change", drawPolicies);
  $("budget").addEventListener("input", drawPolicies);
  repaints.push(drawPolicies);
  $("budget").addEventListener("submit", (event) => event.preventDefault());
  drawPolicies();
};
