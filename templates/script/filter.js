// Which trials are shown. Words are looked for in what a row says; axes are compared as numbers.
let haystack;
const textOf = (i) => {
  haystack ??= new Array(total);
  return (haystack[i] ??= `${names[i]} ${word("message", i)} ${word("anomalies", i)} ${word("shape", i)} ${word("verdict", i)} ${word("promise", i)}`.toLowerCase());
};
const MEASURES = { lost: "lost", acknowledged: "acknowledged", written: "acknowledged", doubt: "in_doubt", window: "window_ms", recovery: "recovery_ms", took: "duration_ms", rate: "rate", p99: "p99_ms", attempt: "attempt", seed: "seed", share: "share" };
const UNITS = { "": 1, ms: 1, s: 1000, min: 60_000, k: 1000, "%": 100 };
const measureOf = (term) => {
  const found = /^([a-z0-9]+)(<=|>=|<|>|=)(\d+(?:\.\d+)?)(ms|s|min|k|%)?$/.exec(term.replace(/(\d),(?=\d{3}(?!\d))/g, "$1"));
  const column = found && data[MEASURES[found[1]]];
  if (!column) return null;
  const limit = Number(found[3]) * UNITS[found[4] ?? ""];
  const compare = { "<": (x) => x < limit, ">": (x) => x > limit, "=": (x) => x === limit, "<=": (x) => x <= limit, ">=": (x) => x >= limit }[found[2]];
  return (i) => column[i] != null && compare(column[i]);
};
const tests = () => {
  const all = [];
  for (const dim of DIMS) {
    if (!state[dim]) continue;
    const at = data[dim].at, wanted = data[dim].words.indexOf(state[dim]);
    all.push((i) => at[i] === wanted);
  }
  if (state.anomaly) {
    const has = data.anomalies.words.map((text) => text.split(" ").includes(state.anomaly));
    all.push((i) => has[data.anomalies.at[i]]);
  }
  if (state.seed) {
    const wanted = Number(state.seed);
    all.push((i) => data.seed[i] === wanted);
  }
  if (state.finding) {
    const wanted = Number(state.finding);
    all.push((i) => data.finding[i] === wanted);
  }
  for (const term of state.q.toLowerCase().split(/\s+/).filter(Boolean)) {
    const measure = measureOf(term);
    if (measure) all.push(measure);
    else if (term.startsWith("-") && term.length > 1) all.push((i) => !textOf(i).includes(term.slice(1)));
    else all.push((i) => textOf(i).includes(term));
  }
  return all;
};
const filtered = (order) => {
  const all = tests(), out = [];
  next: for (const i of order) {
    for (const test of all) if (!test(i)) continue next;
    out.push(i);
  }
  return out;
};
