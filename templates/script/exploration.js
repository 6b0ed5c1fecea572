// What cutting the power at every point of one recorded life showed: by model, and the states that are worst.
const share = (part) => (part == null ? null : part === 0 ? "none" : part >= 0.9995 ? "100%" : part > 0 && part < 0.001 ? "under 0.1%" : (part * 100).toFixed(1) + "%");
const STOPS = { done: "", bound: " (the step asks for no more)", time: " (the time was over)" };
const stateBar = (parts, of) => {
  const bar = el("div", { class: "states", "aria-hidden": "true" });
  for (const [kind, n] of parts) {
    if (!n) continue;
    const part = el("i", { class: kind });
    part.style.flexGrow = String(n / of);
    bar.append(part);
  }
  return bar;
};
const modelRow = (model) => {
  const of = Math.max(model.distinct ?? 0, model.states), left = of - model.states;
  const parts = [["kept", model.states - model.broken], ["broken", model.broken], ["left", left]];
  const words = { kept: "kept", broken: model.accuses ? "broken" : "warn", left: "not started" };
  return el("tr", {},
    el("th", { scope: "row" }, model.model, model.accuses ? "" : el("span", { class: "quiet" }, " warns only")),
    el("td", { class: "bars" }, stateBar(parts, Math.max(of, 1)), parts.filter(([, n]) => n).map(([kind, n]) => `${count(n)} ${words[kind]}`).join(", ") + (model.refused ? `; ${count(model.refused)} would not start` : "") + (model.stopped ? STOPS[model.stopped] ?? "" : "")),
    el("td", { class: "n" }, share(model.covered_time_share) ?? "–"),
    el("td", { class: "n" }, share(model.broken_time_share)),
    el("td", { class: "n" }, model.worst_lost ? count(model.worst_lost) : "nothing"),
    el("td", { class: "n" }, model.worst_window_ms == null ? "–" : ms(model.worst_window_ms)));
};
const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
// From the run's folder: the files of the state, and a server with the policy of the trial on them.
const bootLine = (disk, token, trial, i) => {
  const policy = trial.policy.filter((line) => line.requested != null).map((line) => ` --${line.directive} ${quoted(line.requested || '""')}`).join("");
  return `outlast state ${quoted(disk.trace)} ${quoted(token)} --into state && ${word("server", i).startsWith("valkey") ? "valkey" : "redis"}-server --dir "$PWD/state" --port 7999${policy}`;
};
const statesTable = (title, disk, found, trial, i) => {
  if (!found?.length) return null;
  const rows = [...found].sort((a, b) => b.lost - a.lost || b.broken_ms - a.broken_ms).map((one) => [
    el("code", { class: "token" }, one.token), count(one.lost), el("span", { class: "token" }, one.window_ms == null ? "–" : ms(one.window_ms)),
    el("span", {}, ms(one.at_ms), el("span", { class: "quiet range" }, "after: " + one.after)),
    `${ms(one.broken_ms)}, ${plural(one.cuts, "cut")}`,
    el("span", {}, one.message, one.anomalies.length ? el("span", { class: "quiet range" }, one.anomalies.join(", ")) : ""),
    disk.trace ? el("div", { class: "repro" }, el("pre", { class: "one" }, bootLine(disk, one.token, trial, i)), copyable(bootLine(disk, one.token, trial, i))) : "–"]);
  return section(title, table(title, ["State", "Lost", "Oldest", "Cut at", "Stays for", "What is wrong", "Make it again"], rows));
};
const explorationOf = (disk, trial, i) => {
  const all = disk.states === disk.booted ? "all" : count(disk.booted);
  const kids = [el("p", {}, `${count(disk.operations)} operations of the disk were recorded in ${ms(disk.recorded_ms)}. Cutting the power at ${count(disk.cuts)} points leaves ${plural(disk.states, "different state")}; a server was started on ${all} of them${disk.stopped ? STOPS[disk.stopped] ?? "" : disk.states > disk.booted ? ", the rest was not started" : ""}, ${count(Math.round(disk.states_per_second * 10) / 10)} in a second.`)];
  kids.push(el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "States by model" }, el("table", { class: "plain models" }, el("caption", { class: "unseen" }, "States by model"),
    el("thead", {}, el("tr", {}, ...["Model of the disk", "States", "Time covered", "Time broken", "Most lost", "Oldest lost"].map((text, n) => el("th", { scope: "col", class: n > 1 ? "n" : "" }, text)))),
    el("tbody", {}, ...disk.models.map(modelRow)))));
  const rec = disk.recovery;
  if (rec) kids.push(el("p", {}, `During the start: ${count(rec.recoveries)}${rec.asked ? ` of ${count(rec.asked)}` : ""} recoveries were recorded too. Cuts in them leave ${plural(rec.states, "state")}; ${count(rec.booted)} were started, and ${rec.broken ? count(rec.broken) : "none"} of them showed less than the recovery before.`));
  if (disk.trace) kids.push(el("p", { class: "hint" }, "The recording: ", el("code", {}, disk.trace), ", below the run's folder. ", el("code", {}, "outlast state"), " makes any of its states again as a folder, to start a server on", disk.broken ? el("span", {}, "; every broken one: ", el("code", {}, disk.broken)) : "", "."));
  return [section("Every crash state of one life", ...kids), statesTable("The worst states", disk, disk.found, trial, i), statesTable("The worst states during a start", disk, rec?.found, trial, i)];
};
