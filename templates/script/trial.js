// One trial: what happened, what it cost, and everything that is needed to believe it and to run it again.
const table = (caption, head, rows) => el("div", { class: "scroll" }, el("table", { class: "plain" }, el("caption", { class: "unseen" }, caption), el("thead", {}, el("tr", {}, ...head.map((text) => el("th", { scope: "col" }, text)))), el("tbody", {}, ...rows.map((row) => el("tr", {}, ...row.map((cell) => el("td", {}, cell instanceof Node ? cell : String(cell ?? ""))))))));
const section = (title, ...kids) => el("section", {}, el("h3", {}, title), ...kids);
const facts = (pairs) => el("dl", { class: "facts" }, ...pairs.filter(([, value]) => value != null && value !== "").flatMap(([key, value]) => [el("dt", {}, key), el("dd", {}, value)]));
const linkTo = (address) => (/^https?:\/\//i.test(address) ? el("a", { href: address, rel: "noreferrer noopener" }, address) : address);
const sourceOf = (one) => {
  const known = data.sources.find(([word]) => word === one);
  if (!known) return [one];
  const [, name, links] = known;
  return [name, ...(links.length ? [" (", ...links.flatMap(([text, address], n) => [n ? ", " : "", el("a", { href: address, rel: "noreferrer noopener" }, text)]), ")"] : [])];
};
const sourceText = (source) => source.split("; ").flatMap((one, n) => [n ? "; " : "", ...sourceOf(one)]);

// Why all may be fewer than were acknowledged.
const unseen = (epoch) => (epoch.shape === "all" && epoch.lost < epoch.acknowledged ? ` The other ${count(epoch.acknowledged - epoch.lost)} were overwritten, deleted or had expired: nothing is left of them that could be missed.` : "");

// A server that never came back let nobody read: what survived is not known, and is neither lost nor kept.
const unread = (epoch, trial) => !trial.exploration && !trial.exhaustion && epoch.recovery_ms == null && !epoch.lost && !epoch.lost_baseline && !epoch.in_doubt_present && epoch.anomalies.some((one) => NEVER_BACK.includes(one));
// Models of an explored disk, and calls that failed, are lives of a sort, each with a name of its own.
const modelOf = (epoch) => epoch.death.replace(/^power cut, /, "");
const lifeTitle = (epoch, number, trial) => (trial.exploration ? (epoch.ack_density.length ? `Model ${modelOf(epoch)}: the state that tells most` : title(modelOf(epoch))) : trial.exhaustion ? title(epoch.death) : `Life ${number + 1}: ${epoch.death}`);
const strip = (epoch) => (epoch.ack_density.length ? [orderStrip(epoch), el("p", { class: "hint" }, `The ${count(epoch.acknowledged)} acknowledged writes in their order, from the first to the last; red, from below, is gone. `, el("b", {}, epoch.shape), `: ${SHAPES[epoch.shape]}.${unseen(epoch)}`)] : []);
const heldText = (pace) => `held to ${count(pace)}, at least until shortly before the fault`;

const lifeOf = (epoch, number, verdict, trial) => {
  const pressure = epoch.pressure, blind = unread(epoch, trial);
  const lost = epoch.lost + epoch.lost_baseline;
  // What models of one recorded life have in common is told with the first of them.
  const told = trial.epochs.slice(0, number).some((other) => JSON.stringify(other.pressure) === JSON.stringify(pressure));
  return section(lifeTitle(epoch, number, trial), el("p", {}, chip(verdict === "known" && epoch.verdict === "broken" ? "known" : epoch.verdict), " ", tell(epoch.message, epoch.window_ms)),
    ...(blind ? [el("p", { class: "hint" }, el("b", {}, "Not read back"), ": the server never came back, so nobody knows which of the acknowledged writes survived.")] : strip(epoch)),
    facts([
      ["Writes", `${count(epoch.acknowledged)} acknowledged, ${blind ? "not read back" : count(lost) + " lost"}, ${count(epoch.in_doubt)} in doubt${blind ? "" : ` (${count(epoch.in_doubt_present)} of them are there)`}, ${count(epoch.refused)} refused, ${count(epoch.expired)} expired`],
      ["Window", epoch.window_ms == null ? null : `the oldest lost write was acknowledged ${ms(epoch.window_ms)} before the fault`],
      ["Pressure", told ? null : `${count(pressure.acked_before_fault)} acknowledged before the fault, ${count(pressure.acked_after_fault)} after it, ${count(pressure.in_flight)} in flight${pressure.quiet_ms == null ? "" : `, last answer ${ms(pressure.quiet_ms)} before`}${pressure.phase ? `, met during ${pressure.phase}` : ""}${pressure.rewrites == null ? "" : `, after ${pressure.rewrites} rewrites and ${pressure.saves} snapshots`}`],
      ["Speed", told ? null : `${count(pressure.rate)} writes per second${pressure.pace ? ` (${heldText(pressure.pace)})` : ""}${pressure.latency_p99_ms == null ? "" : `; half within ${ms(pressure.latency_p50_ms)}, 99% within ${ms(pressure.latency_p99_ms)}, all within ${ms(pressure.latency_max_ms)}`}`],
      ["End", epoch.exit],
      ["Recovery", epoch.recovery_ms == null ? (epoch.anomalies.some((one) => one === "refused-to-start" || one === "stuck-loading") ? (epoch.verdict === "kept" ? "refused to start, as it may" : "✕ did not come back") : null) : `ready after ${ms(epoch.recovery_ms)}`],
      ["Promise", epoch.promise ? `${epoch.promise.id}: may lose ${epoch.promise.allowed}` : null],
    ]));
};
const grown = (file) => {
  const { bytes_dead: dead, bytes_recovered: now } = file;
  if (dead == null) return "made by the start";
  if (now == null) return "gone after the start";
  return dead === now ? "same size" : `${now > dead ? "+" : "−"}${count(Math.abs(now - dead))} B`;
};
// The list of what happened names the longest few of what happened often.
const FEW = 6;
const eventsOf = (trial) => {
  const often = SPANS.filter((kind) => trial.events.filter((event) => event.kind === kind && lasts(event)).length > 2 * FEW);
  const rest = trial.events.filter((event) => !(often.includes(event.kind) && lasts(event)));
  const named = often.flatMap((kind) => {
    const all = trial.events.filter((event) => event.kind === kind && lasts(event)).sort((a, b) => lengthOf(b) - lengthOf(a));
    return all.slice(0, FEW).map((event, n) => ({ ...event, text: `${event.text}; the ${n ? ["", "second", "third", "fourth", "fifth", "sixth"][n] + " " : ""}longest of ${count(all.length)}` }));
  });
  return [...rest, ...named].sort((a, b) => a.at_ms - b.at_ms);
};
const evidence = (trial) => {
  const left = [], right = [];
  if (trial.policy.length) left.push(section("Policy: asked for and in force; the rest is as in a server without a config file", table("Policy", ["Directive", "Asked for", "In force"], trial.policy.map((line) => [el("code", {}, line.directive), line.requested ?? "–", line.in_force ? line.effective || '""' : el("span", { class: "no" }, "✕ " + (line.effective ?? "unknown"))]))));
  if (trial.examples.length) left.push(section("Examples of keys", table("Examples", ["Class", "Key", "Acknowledged", "Should hold", "Holds"], trial.examples.map((one) => [one.anomaly, el("code", {}, one.key), one.acked_ms == null ? "never" : "at " + ms(one.acked_ms), one.expected, one.observed]))));
  if (trial.files.length) left.push(section("Files: as the dead server left them, and after the start", table("Files", ["Life", "File", "Dead", "Recovered", ""], trial.files.map((file) => [file.epoch + 1, el("code", {}, file.path), bytes(file.bytes_dead), bytes(file.bytes_recovered), grown(file)]))));
  if (trial.events.length) right.push(section("What happened", table("Events", ["At", "What", ""], eventsOf(trial).map((event) => [ms(event.at_ms), el("b", {}, event.kind), event.text + (lasts(event) ? ` (for ${ms(lengthOf(event))})` : "")]))));
  return el("div", { class: "cols" }, el("div", {}, ...left), el("div", {}, ...right));
};
const promiseOf = (trial, i) => trial.promise && el("div", { class: "promise" },
  el("p", {}, el("b", {}, "The promise that applied: "), `${trial.promise.sentence}. It may lose ${trial.promise.allowed}.`),
  el("p", { class: "quiet" }, "Row ", el("code", {}, trial.promise.id), " of the contract. Where it is written: ", ...sourceText(trial.promise.source), "."),
  data.remedies[trial.promise.id] && data.lost[i] && trial.promise.allowed !== "nothing" && trial.promise.bound_ms !== 0 ? el("p", {}, el("b", {}, "What to do if that is too much: "), data.remedies[trial.promise.id]) : null);
const knownOf = (trial) => trial.known && el("p", { class: "known" }, chip("known"), " ", trial.known.cause + " ", linkTo(trial.known.link), trial.known.remedy ? el("span", { class: "remedy" }, el("b", {}, " What to do: "), trial.known.remedy) : "");

const fillTrial = (i, trial) => {
  const kids = [];
  const repro = reproOf(i);
  if (trial) kids.push(promiseOf(trial, i), knownOf(trial));
  if (word("suite", i).startsWith("incident")) kids.push(el("p", { class: "hint" }, "This trial replays an incident with its time scaled down: a service kept its sessions in Redis with appendonly yes and save 900 1, and after a docker stop the newest half of them was gone. Each trial of the suite is one explanation of that night, with the AOF in force or without it."));
  kids.push(section("Run it again", el("div", { class: "repro" }, el("pre", { class: "one", id: "repro" }, repro), copyable(repro))));
  if (!trial) {
    kids.push(facts([["All lives", `${count(data.acknowledged[i])} acknowledged, ${unreadAt(i) ? "not read back" : `${count(data.lost[i])} lost (${word("shape", i)})`}, ${count(data.in_doubt[i])} in doubt`], ["Recovery", ms(data.recovery_ms[i])], ["Took", ms(data.duration_ms[i])], ["Promise", word("promise", i)], ["Speed", data.rate[i] == null ? null : `${count(data.rate[i])} writes per second, 99% within ${ms(data.p99_ms[i])}`]]));
    kids.push(el("p", { class: "quiet" }, "The page keeps the summary of this trial: it holds the details of those that tell most. ", el("a", { href: "report.json" }, "report.json"), " has the whole record."));
  } else {
    if (trial.exploration) kids.push(...explorationOf(trial.exploration, trial, i));
    kids.push(section("Timeline", timeline(trial)), ...trial.epochs.map((epoch, n) => lifeOf(epoch, n, word("verdict", i), trial)), evidence(trial));
    const failed = trial.exhaustion;
    if (failed) kids.push(section("Failed calls", el("p", {}, `One call of the disk after the other failed, ${count(failed.lives)} lives in all; each ended with ${failed.ending} on a healed disk.`), table("Failed calls", ["Call", "Error", "Failed", "Broken", "Most lost", "What the server did"], failed.calls.map((one) => [el("code", {}, one.call), one.error, count(one.tried) + (one.exhausted ? ", all" : ", and there are more"), count(one.broken), count(one.worst_lost), Object.entries(one.reactions).map(([what, lives]) => `${what}: ${count(lives)}`).join(", ")]))));
    if (trial.earlier.length) kids.push(section("Earlier attempts", el("ul", {}, ...trial.earlier.map((one) => el("li", {}, chip(one.verdict), " ", one.message, el("span", { class: "quiet" }, ` (${ms(one.duration_ms)})`))))));
    if (trial.log_tail.length) kids.push(section("The end of the server's log", el("pre", { tabindex: 0 }, trial.log_tail.join("\n"))));
    if (trial.cut) kids.push(el("p", { class: "quiet" }, "This record is long: its log and files are in report.json."));
    kids.push(facts([["Server", `${word("server", i)}: version ${trial.server_version}, ${trial.origin.kind} ${trial.origin.source}`], ["Digest", trial.origin.digest], ["Started", moment(trial.started_at)], ["Took", ms(data.duration_ms[i])], ["Attempt", String(data.attempt[i])]]));
  }
  $("trial").replaceChildren(...headOf(i), ...kids.filter(Boolean));
};
// A verdict's sentence is that of one life; the figures of a trial are sums over all of them.
const ofOneLife = (i) => {
  const found = /\b(?:of|all) (\d+) acknowledged/.exec(word("message", i));
  return found && data.back[i] !== 3 && Number(found[1]) < data.acknowledged[i];
};
const headOf = (i) => {
  const at = shown.indexOf(i);
  const step = (by, text, key) => {
    const next = shown[at + by];
    return button(text, () => openTrial(next), { disabled: at < 0 || next == null, title: `${text} (${key})` });
  };
  return [
    el("div", { class: "crumbs" }, button("← All trials", () => shut(), { title: "Back (Esc)" }), el("span", { class: "quiet" }, at < 0 ? "" : `${count(at + 1)} of ${count(shown.length)}`), step(-1, "Previous", "k"), step(1, "Next", "j")),
    el("h2", { id: "trial-name" }, chip(word("verdict", i)), " ", el("span", { class: "mono" }, names[i])),
    el("p", { class: "say" }, ofOneLife(i) ? "in the life that decided: " : "", tell(word("message", i), data.window_ms[i])),
    ofOneLife(i) ? el("p", { class: "quiet" }, `All its lives together: ${count(data.acknowledged[i])} writes acknowledged, ${count(data.lost[i])} lost, ${count(data.in_doubt[i])} in doubt.`) : "",
    word("anomalies", i) ? el("dl", { class: "seen" }, ...word("anomalies", i).split(" ").flatMap((one) => [el("dt", {}, one), el("dd", {}, data.meanings[one])])) : "",
  ];
};
let overviewAt = 0;
const openTrial = async (i, entry = "push") => {
  if ($("trial").hidden) overviewAt = scrollY;
  state.trial = names[i];
  cursor = Math.max(0, gridLines.indexOf(i));
  writeAddress(entry);
  $("overview").hidden = true;
  $("answer").hidden = true;
  $("trial").hidden = false;
  $("nowhere").hidden = true;
  gridSpace.replaceChildren();
  mapTable.replaceChildren();
  let trial = null;
  try {
    trial = await detail(i);
  } catch (error) {
    console.error(error);
  }
  // Somebody may have gone on meanwhile.
  if (state.trial !== names[i]) return;
  fillTrial(i, trial);
  // A scroll bar may have taken some of the width.
  redrawTimeline();
  scrollTo(0, 0);
  $("trial").focus({ preventScroll: true });
};
// One of the two is on the page at a time: the tables behind the overview are filled again when it comes back.
const hideTrial = () => {
  $("trial").hidden = true;
  $("trial").replaceChildren();
  $("overview").hidden = false;
  $("answer").hidden = false;
  fillMapTable(0);
  repaint();
  drawRows();
};
const shut = (entry = "push") => {
  if ($("trial").hidden) return;
  state.trial = "";
  writeAddress(entry);
  hideTrial();
  scrollTo(0, overviewAt);
  moveCursor(0);
  grid.focus({ preventScroll: true });
};
