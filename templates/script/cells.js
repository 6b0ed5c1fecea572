// What the trials of a policy under a fault, or under a kind of fault, say together.
const GRAVITY = { kept: 0, known: 1, broken: 2 };
const newCell = (line, persistence) => ({ line, persistence, runs: 0, unproven: 0, unsupported: 0, hits: 0, lossy: 0, bad: 0, known: 0, refused: 0, most: 0, worst: -1, servers: new Map() });
// The gravest trial comes first, and of equals the one that lost the greatest share: all figures of a cell are those of one trial.
const worse = (i, j) => GRAVITY[word("verdict", i)] - GRAVITY[word("verdict", j)] || data.share[i] - data.share[j] || data.lost[i] - data.lost[j] || unreadAt(i) - unreadAt(j);
const addTrial = (cell, i) => {
  const verdict = word("verdict", i);
  if (!provesAt(i)) {
    cell[verdict === "unsupported" ? "unsupported" : "unproven"]++;
    return;
  }
  const share = data.share[i], server = data.server.at[i];
  cell.runs++;
  cell.bad += verdict === "broken";
  cell.known += verdict === "known";
  cell.lossy += data.lost[i] > 0;
  cell.refused += unreadAt(i);
  cell.hits += data.lost[i] > 0 || verdict !== "kept";
  cell.most = Math.max(cell.most, share);
  cell.servers.set(server, Math.max(cell.servers.get(server) ?? 0, share));
  if (cell.worst < 0 || worse(i, cell.worst) > 0) cell.worst = i;
};
// What a cell is a case of: the gravest that any of its trials says.
const kindOf = (cell) => (cell.bad ? "broken" : cell.known ? "known" : !cell.runs ? (cell.unproven ? "inconclusive" : "unsupported") : cell.lossy ? "allowed" : "kept");
const shareOf = (cell) => (cell.worst < 0 ? 0 : data.share[cell.worst]);
const markOf = (cell) => ({ broken: "✕", known: "◆", inconclusive: "?", unsupported: "–" })[kindOf(cell)] ?? (cell.unproven ? "?" : "");
// How much: a share, or `all` where nothing that could be looked for is left; what went wrong where nothing was lost.
const wordOfCell = (cell) => {
  if (!cell.runs) return "";
  const seen = word("anomalies", cell.worst).split(" ");
  const wrong = unreadAt(cell.worst) ? seen.find((one) => NEVER_BACK.includes(one)) : shareOf(cell) || kindOf(cell) === "kept" ? "" : seen[0];
  return wrong?.replace("refused-to-start", "refused") || (word("shape", cell.worst) === "all" ? "all" : percent(shareOf(cell)));
};
// The mark stands first: what is too long for its place is cut at its end.
const headOfCell = (cell, fit = (text) => text) => {
  const mark = markOf(cell), text = wordOfCell(cell);
  return mark && text ? `${mark} ${fit(text, mark + " ")}` : mark || fit(text, "");
};
// The life of the share: its lost writes, those that it had acknowledged, and the age of the oldest.
const lifeAt = (i) => data.life[i] ?? [data.lost[i], null, data.window_ms[i]];
const writesText = ([lost, acknowledged]) => (acknowledged == null ? plural(lost, "write") : `${count(lost)} of ${plural(acknowledged, "write")}`);
const ageOfCell = (cell) => (cell.runs && data.lost[cell.worst] ? ms(lifeAt(cell.worst)[2]) : "");
const oddsOfCell = (cell) => (cell.runs ? `${count(cell.hits)}/${count(cell.runs)} ${oddsText(cell.hits, cell.runs)}` : plural(cell.unproven || cell.unsupported, "trial"));
const cellText = (cell) => {
  if (!cell.runs) return cell.unproven ? `${plural(cell.unproven, "trial")}, none of which proved anything` : `not tested: ${plural(cell.unsupported, "trial")} unsupported`;
  const i = cell.worst, notes = [];
  if (data.lost[i]) {
    const life = lifeAt(i), [lost, , window] = life;
    notes.push(`a life of the worst trial lost ${data.life[i] ? `${percent(data.share[i])} (${writesText(life)})` : writesText(life)}${window == null ? "" : `, the oldest ${ms(window)} before the fault`}: ${SHAPES[word("shape", i)]}${data.lost[i] > lost ? `; all its lives lost ${plural(data.lost[i], "write")}` : ""}`);
  }
  else if (cell.hits) notes.push(`the worst trial: ${tell(word("message", i), data.window_ms[i])}`);
  if (cell.most > data.share[i]) notes.push(`another lost up to ${percent(cell.most)}, and might`);
  notes.push(cell.hits
    ? `${count(cell.hits)} of ${plural(cell.runs, "trial")} ${cell.lossy === cell.hits ? "lost something" : "lost something or went wrong"}: a chance of ${oddsText(cell.hits, cell.runs)} per trial (95% sure)`
    : `${cell.refused ? `no loss was seen in ${plural(cell.runs, "trial")}, though ${count(cell.refused)} refused to start, as it may, and could not be read` : `nothing lost in ${plural(cell.runs, "trial")}`}: a chance of at most ${chanceText(cell.runs)} per trial (95% sure)`);
  if (cell.bad) notes.push(`${count(cell.bad)} broke the promise`);
  if (cell.known) notes.push(`${cell.known === 1 ? "one shows" : count(cell.known) + " show"} a listed defect`);
  if (cell.lossy && !cell.bad && !cell.known) notes.push("within the promise");
  if (cell.unproven) notes.push(`${count(cell.unproven)} more proved nothing`);
  // By server, where they differ.
  const spared = [...cell.servers].filter(([, share]) => !share).map(([server]) => data.server.words[server]);
  if (cell.lossy && spared.length) notes.push(`nothing lost on ${spared.sort().join(", ")}`);
  return notes.join("; ");
};
// The cells of the trials that are accepted, by a column of words and by policy.
const gather = (dim, accept) => {
  const lines = new Map();
  for (let i = 0; i < total; i++) {
    if (!accept(i)) continue;
    const key = word(dim, i), policy = word("persistence", i);
    const line = lines.get(key) ?? lines.set(key, new Map()).get(key);
    let cell = line.get(policy);
    if (!cell) line.set(policy, (cell = newCell(null, policy)));
    addTrial(cell, i);
  }
  return lines;
};
