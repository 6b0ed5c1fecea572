// Which policy stays within a budget at the lowest latency, and why the others do not.
// Seen to stay within the budget; `promised` asks for more: that it has to.
const fits = (one, loss, recovery) => one.tested && one.window <= loss && !((one.away || one.refused) && recovery < Infinity) && (one.recovery ?? 0) <= recovery;
const promised = (one, loss) => one.bound <= loss;
const windowText = (window) => (window === Infinity ? "no bound in time" : ms(window));
const lossText = (one) => (one.lossy ? `up to ${percent(one.share)} of a life, ${one.window === Infinity ? "with no bound in time" : "the oldest of any trial " + ms(one.window)}` : "nothing");
const flawed = (one) => one.broken + one.known > 0;
// Breaches and listed defects are counted apart: a breach is news.
const flawText = (one) => [one.broken ? `a breach in ${plural(one.broken, "trial")}` : "", one.known ? `a listed defect in ${plural(one.known, "trial")}` : ""].filter(Boolean).join(" and ");
const awayText = (one) => `stayed away in ${count(one.away)} of ${plural(one.runs, "trial")}`;
const listed = (list) => (list.length < 2 ? list.join("") : `${list.slice(0, -1).join(", ")} and ${list.at(-1)}`);
const untestedText = (one) => `not tested when ${listed(one.untested.map((name) => CLASSES[name]))}`;
// Two medians are told apart where the ranges that hold them (95% sure) do not touch.
const quicker = (one, other) => one.range && other.range && one.range[1] < other.range[0];
const rangeText = (one) => (one.range ? ` (${ms(one.range[0])} to ${ms(one.range[1])})` : "");
const whyNot = (one, loss, recovery) => {
  if (!one.tested) return "was " + untestedText(one);
  if (one.window > loss) return "lost " + lossText(one);
  if (!fits(one, loss, recovery)) return one.away ? awayText(one) : one.refused ? "may refuse to start" : `was away for ${ms(one.recovery)}`;
  if (!promised(one, loss)) return one.bound === Infinity ? "no time bounds what its promise allows" : `its promise allows ${ms(one.bound)}`;
  return flawed(one) ? `shows ${flawText(one)}${one.away ? ", and " + awayText(one) : ""}` : "fewer trials stand behind it";
};

const advise = (list, loss, recovery) => {
  const most = Math.max(0, ...list.map((one) => one.runs));
  const good = list.filter((one) => fits(one, loss, recovery) && one.p99 != null);
  const firm = good.filter((one) => promised(one, loss) && one.runs * 4 >= most);
  const sound = firm.filter((one) => !flawed(one));
  const tier = [sound, firm, good].find((some) => some.length);
  if (!tier) {
    // The nearest promises what is asked for, or else lost least. What was not tested may fit only if its promise does.
    const near = list.filter((one) => one.tested).sort((a, b) => promised(b, loss) - promised(a, loss) || a.window - b.window || a.share - b.share || a.away - b.away)[0];
    const open = list.filter((one) => one.runs && !one.tested && one.window <= loss && promised(one, loss));
    return [["No policy that was tested stays within this budget.", near ? ` The nearest is ${near.name}, but ${whyNot(near, loss, recovery)}.${flawed(near) && !fits(near, loss, recovery) ? ` It shows ${flawText(near)}.` : ""}` : "", open.length ? ` ${listed(open.slice(0, 4).map((one) => one.name))}: ${untestedText(open[0])}.` : ""], null];
  }
  // Of those that cannot be told apart from the quickest, the one that may lose least.
  const first = [...tier].sort((a, b) => a.p99 - b.p99)[0];
  const alike = tier.filter((one) => one === first || !quicker(first, one));
  const power = (one) => one.power ?? Infinity;
  const best = [...alike].sort((a, b) => a.bound - b.bound || a.window - b.window || (power(a) === power(b) ? a.p99 - b.p99 : power(a) - power(b)))[0];
  const words = [el("b", {}, best.name), `: lost ${best.lossy ? (best.window === Infinity ? `up to ${percent(best.share)} of what a life had acknowledged` : "at most " + ms(best.window)) : "nothing"} in ${plural(best.runs, "trial")}`];
  words.push(best.lossy ? "" : ` (a loss has a chance of at most ${chanceText(best.runs)} per trial)`);
  if (best.away) words.push(`, ${awayText(best)}`);
  words.push(`${best.recovery == null ? "" : `, ${best.away ? "else " : ""}came back within ${ms(best.recovery)}`}, and acknowledged 99 of 100 writes within ${ms(best.p99)}${rangeText(best)}. `);
  words.push(best.bound === 0 ? "Its promise allows no loss. " : best.bound < Infinity ? `Its promise allows ${ms(best.bound)}. ` : "No time bounds what its promise allows. ");
  if (flawed(best)) words.push(el("b", { class: "no" }, `It shows ${flawText(best)}. `), el("a", { href: addressOf({ trial: names[best.flaw] }) }, "See it"), ". ");
  if (best.power && !best.met.has("power")) words.push(el("b", {}, `When the power went it lost up to ${percent(best.power)}. `));
  const others = alike.filter((one) => one !== best);
  if (others.length) words.push(`${listed(others.slice(0, 3).map((one) => one.name))}${others.length > 3 ? ` and ${others.length - 3} more` : ""} cannot be told apart from it by latency, and may not lose less. `);
  const passed = list.filter((one) => one !== best && quicker(one, best)).sort((a, b) => a.p99 - b.p99);
  for (const one of passed.slice(0, 3)) words.push(`${one.name} is quicker (${ms(one.p99)}), but ${whyNot(one, loss, recovery)}. `);
  const safer = list.filter((one) => one.tested && one.bound < best.bound && one.p99 != null).sort((a, b) => a.bound - b.bound || a.p99 - b.p99)[0];
  if (safer) words.push(`${safer.name} may lose less (${safer.bound ? ms(safer.bound) : "nothing"}) at ${quicker(best, safer) ? `${(safer.p99 / best.p99).toFixed(1)} times the latency` : "a latency that cannot be told apart"}${sound.includes(safer) ? "" : `, but ${whyNot(safer, loss, recovery)}`}. `);
  if (best.runs * 4 < most) words.push("Few trials stand behind this: another policy had four times as many. ");
  if (!data.class.words.includes("power")) words.push(el("span", { class: "quiet" }, "No trial of this run cuts the power: what was left to the kernel was never at risk."));
  return [words, best];
};
