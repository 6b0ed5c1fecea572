// Numbers and times as a person reads them.
const count = (n) => n.toLocaleString("en-US");
const ms = (n) => {
  if (n == null) return "";
  if (n >= 60_000) return (n / 60_000).toFixed(1) + " min";
  if (n >= 10_000) return (n / 1000).toFixed(1) + " s";
  if (n >= 1000) return (n / 1000).toFixed(2) + " s";
  return n >= 10 || n === 0 ? Math.round(n) + " ms" : n.toFixed(1) + " ms";
};
const bytes = (n) => {
  if (n == null) return "–";
  if (n < 10_000) return count(n) + " B";
  return n < 10_000_000 ? count(Math.round(n / 1024)) + " KiB" : count(Math.round(n / 1_048_576)) + " MiB";
};
// A verdict's sentence with its numbers as they stand elsewhere on the page; an age of another life than the sentence's stays out.
const tell = (text, window) => text
  .replace(/\b(lost|of|all) (\d{4,})(?= (?:of \d|acknowledged))/g, (_, before, number) => `${before} ${count(Number(number))}`)
  .replace(/\d+(?:\.(\d+))? s before the fault/, (found, decimals = "") => (window == null || Math.abs(window / 1000 - parseFloat(found)) > 0.51 * 10 ** -decimals.length ? found : `${ms(window)} before the fault`));
// A share in parts of ten thousand.
const percent = (parts) => (parts >= 9950 ? "100%" : parts >= 100 ? Math.round(parts / 100) + "%" : parts > 0 ? "<1%" : "0");
const plural = (n, one, many = one + "s") => `${count(n)} ${n === 1 ? one : many}`;
// One time in twenty, so long a run of luck would be seen at this chance.
const chance = (runs) => (runs ? 1 - 0.05 ** (1 / runs) : 1);
const chanceText = (runs) => {
  const most = chance(runs) * 100;
  return (most >= 10 ? most.toFixed(0) : most.toFixed(1)) + "%";
};
// The 95% interval of a chance that showed itself in k of n trials (Clopper and Pearson), by halving.
const atMost = (k, n, p) => {
  let term = n * Math.log1p(-p), sum = 0;
  for (let i = 0; i <= k; i++) {
    sum += Math.exp(term);
    term += Math.log((n - i) / (i + 1)) + Math.log(p / (1 - p));
  }
  return sum;
};
const halve = (above) => {
  let low = 0, high = 1;
  for (let n = 0; n < 30; n++) {
    const p = (low + high) / 2;
    if (above(p)) low = p;
    else high = p;
  }
  return low;
};
const seenOdds = new Map();
const oddsText = (k, n) => {
  if (!k) return "≤" + chanceText(n);
  const key = k + "/" + n;
  if (!seenOdds.has(key)) {
    const low = Math.floor(halve((p) => 1 - atMost(k - 1, n, p) < 0.025) * 100), high = k === n ? 100 : Math.ceil(halve((p) => atMost(k, n, p) > 0.025) * 100);
    seenOdds.set(key, high === 100 ? `≥${low}%` : `${low}–${high}%`);
  }
  return seenOdds.get(key);
};
// A time in RFC 3339 to the second.
const moment = (text) => text.replace(/^(\S{10})T(\S{8})(?:\.\d+)?Z$/, "$1 $2 UTC");
const MARKS = { broken: "✕", errored: "!", inconclusive: "?", known: "◆", unsupported: "–", kept: "✓" };
const RANK = { broken: 5, errored: 4, inconclusive: 3, known: 2, unsupported: 1, kept: 0 };
const SHAPES = {
  none: "nothing is lost", suffix: "the newest writes are gone", prefix: "the oldest writes are gone",
  hole: "one gap, with survivors on both sides", scattered: "several gaps", all: "every write that can be looked for is gone",
};
