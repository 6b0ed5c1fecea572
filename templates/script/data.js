// The trials by column. What is packed is unpacked here, and never leaves this page.
const bytesOf = (text) => {
  const raw = atob(text.trim());
  const out = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) out[i] = raw.charCodeAt(i);
  return out;
};
const unpack = async (text) => {
  const stream = new Blob([bytesOf(text)]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return JSON.parse(await new Response(stream).text());
};
if (typeof DecompressionStream === "undefined") {
  $("trouble").hidden = false;
  $("trouble").textContent = "This browser cannot unpack the trials: it lacks DecompressionStream (Chrome 103, Firefox 113, Safari 16.4 have it). The answer, the findings and the failing trials are below; everything is in report.json and trials.csv.";
  return;
}
const data = await unpack($("data").textContent);
document.documentElement.classList.remove("bare");
$("data").remove();

const CLASSES = Object.fromEntries(data.classes);
const DIMS = ["verdict", "suite", "server", "persistence", "storage", "workload", "class", "fault", "engine", "shape"];
const total = data.verdict.at.length;
for (const dim of [...DIMS, "place", "lost_at", "anomalies", "message", "promise", "repro"]) data[dim].at = Uint32Array.from(data[dim].at);
const word = (dim, i) => data[dim].words[data[dim].at[i]];
const sorted = (dim) => [...data[dim].words].sort();
const nameOf = (i) => `${word("suite", i)}::${word("server", i)}::${word("place", i)}::${word("workload", i)}::${word("fault", i)}::s${data.seed[i]}`;
const names = Array.from({ length: total }, (_, i) => nameOf(i));
let byName;
const numberOf = (name) => (byName ??= new Map(names.map((one, i) => [one, i]))).get(name);
const reproOf = (i) => word("repro", i).replace("{}", () => names[i]);
// A trial proves something, or it does not.
const proves = data.verdict.words.map((verdict) => ["kept", "broken", "known"].includes(verdict));
const provesAt = (i) => proves[data.verdict.at[i]];
const NEVER_BACK = ["refused-to-start", "needs-manual-repair", "stuck-loading"];
// It never came back, and nothing was lost that anybody could have seen: what survived was not read.
const unreadTrials = new Set(data.unread);
const unreadAt = (i) => unreadTrials.has(i);
const anomalyWords = [...new Set(data.anomalies.words.flatMap((text) => text.split(" ")))].filter(Boolean).sort();

// Details are opened a pack at a time, and the last few packs are remembered.
const packs = $("packs").textContent.trim().split("\n");
$("packs").remove();
const placeOf = new Map(data.told.map((trial, place) => [trial, place]));
const opened = new Map();
const detail = async (i) => {
  const place = placeOf.get(i);
  if (place == null) return null;
  const pack = Math.floor(place / data.pack);
  if (!opened.has(pack)) {
    if (opened.size > 8) opened.delete(opened.keys().next().value);
    opened.set(pack, unpack(packs[pack]));
  }
  return (await opened.get(pack))[place % data.pack];
};
