// State lives in the address, so that a view can be sent to somebody.
const DEFAULTS = { q: "", verdict: "", suite: "", server: "", persistence: "", workload: "", class: "", fault: "", storage: "", engine: "", seed: "", anomaly: "", shape: "", finding: "", sort: "worst", group: "", cols: "", trial: "" };
const FILTERS = ["q", "verdict", "suite", "server", "persistence", "workload", "class", "fault", "storage", "engine", "seed", "anomaly", "shape", "finding"];
const NO_FILTER = Object.fromEntries(FILTERS.map((key) => [key, ""]));
const state = { ...DEFAULTS };
const readAddress = () => {
  const params = new URLSearchParams(location.hash.slice(1));
  for (const [key, value] of Object.entries(DEFAULTS)) state[key] = params.get(key) ?? value;
};
const addressOf = (change = {}) => {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries({ ...state, ...change })) if (value !== DEFAULTS[key]) params.set(key, value);
  return "#" + params;
};
// Filters replace the entry of the history; opening and leaving a trial adds one, so that Back works.
const writeAddress = (entry = "replace") => {
  const address = addressOf();
  if (address === (location.hash || "#")) return;
  history[entry + "State"](null, "", address);
};
