// State lives in the address, so that a view can be sent to somebody.
const DEFAULTS = { q: "", verdict: "", suite: "", server: "", persistence: "", workload: "", class: "", fault: "", storage: "", engine: "", seed: "", anomaly: "", shape: "", finding: "", sort: "worst", group: "", cols: "", trial: "" };
const FILTERS = ["q", "verdict", "suite", "server", "persistence", "workload", "class", "fault", "storage", "engine", "seed", "anomaly", "shape", "finding"];
// Choices above the map and the costs, by the id of what chooses.
const CHOICES = ["map-class", "map-suite", "map-server", "map-storage", "map-workload", "map-order", "cost-workload", "cost-server", "cost-storage", "budget-loss", "budget-recovery", "budget-classes"];
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
// What a choice is now: the word of a select, or the words of the boxes that are ticked.
const choiceOf = (node) => (node.matches("select") ? node.value : [...node.querySelectorAll("input:checked")].map((box) => box.value).join("."));
const choose = (node, value) => {
  if (choiceOf(node) === value) return false;
  if (!node.matches("select")) for (const box of node.querySelectorAll("input")) box.checked = value.split(".").includes(box.value);
  // A word that this run does not have chooses nothing.
  else if ([...node.options].some((option) => option.value === value)) node.value = value;
  return choiceOf(node) === value;
};
const readChoices = () => {
  for (const node of CHOICES.map($).filter(Boolean)) {
    if (!choose(node, state[node.id])) continue;
    const source = node.matches("select") ? node : node.querySelector("input");
    for (const kind of ["input", "change"]) source.dispatchEvent(new Event(kind, { bubbles: true }));
  }
};
// What an address does not say is as the page opens.
const startChoices = () => {
  for (const node of CHOICES.map($).filter(Boolean)) {
    DEFAULTS[node.id] = choiceOf(node);
    node.addEventListener("change", () => {
      state[node.id] = choiceOf(node);
      writeAddress();
    });
  }
};
