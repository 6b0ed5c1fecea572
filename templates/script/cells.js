// The worst of all trials of a policy under a fault.
const newCell = (persistence, fault) => ({ persistence, fault, runs: 0, unproven: 0, unsupported: 0, lossy: 0, share: 0, lost: 0, window: null, recovery: null, shape: "none", worst: -1, bad: 0, known: 0, weak: 0, servers: new Map() });
const addTrial = (cell, i) => {
  const verdict = word("verdict", i);
  if (verdict === "unsupported") {
    cell.unsupported++;
    return;
  }
  if (!provesAt(i)) {
    cell.unproven++;
    cell.weak++;
    return;
  }
  cell.runs++;
  cell.bad += verdict === "broken";
  cell.known += verdict === "known";
  cell.lossy += data.lost[i] > 0;
  const share = data.share[i], server = data.server.at[i];
  cell.servers.set(server, Math.max(cell.servers.get(server) ?? 0, share));
  if (data.window_ms[i] != null) cell.window = Math.max(cell.window ?? 0, data.window_ms[i]);
  if (data.recovery_ms[i] != null) cell.recovery = Math.max(cell.recovery ?? 0, data.recovery_ms[i]);
  cell.lost = Math.max(cell.lost, data.lost[i]);
  if (cell.worst < 0 || share > cell.share) {
    cell.share = share;
    cell.worst = i;
    cell.shape = word("shape", i);
  }
};
// What a cell is a case of: the gravest that any of its trials says.
const kindOf = (cell) => (cell.bad ? "broken" : cell.known ? "known" : !cell.runs ? (cell.weak ? "inconclusive" : "unsupported") : cell.lossy ? "allowed" : "kept");
const markOf = (cell) => ({ broken: "✕", known: "◆", inconclusive: "?", unsupported: "–", allowed: "", kept: "" })[kindOf(cell)] || (cell.weak ? "?" : "");
const cellText = (cell) => {
  if (!cell.runs) return cell.weak ? `${plural(cell.weak, "trial")}, none of which proved anything` : `not tested: ${plural(cell.unsupported, "trial")} unsupported`;
  const loss = cell.lossy
    ? `worst loss ${percent(cell.share)} (${plural(cell.lost, "write")}${cell.window == null ? "" : ", the oldest " + ms(cell.window) + " before the fault"}), ${SHAPES[cell.shape]}; ${cell.lossy} of ${plural(cell.runs, "trial")} lost something`
    : `nothing lost in ${plural(cell.runs, "trial")}: the chance of a loss per trial is at most ${chanceText(cell.runs)} (95% sure)`;
  const notes = [cell.bad && `${cell.bad} broke the promise`, cell.known && `${cell.known} show a known defect`, cell.weak && `${cell.weak} proved nothing`].filter(Boolean);
  // By server, where they differ.
  const spared = [...cell.servers].filter(([, share]) => !share).map(([server]) => data.server.words[server]);
  if (cell.lossy && spared.length) notes.push(`nothing lost on ${spared.sort().join(", ")}`);
  return loss + (notes.length ? "; " + notes.join(", ") : cell.lossy ? "; within the promise" : "");
};
const gather = (accept) => {
  const cells = new Map(), width = data.fault.words.length;
  for (let i = 0; i < total; i++) {
    if (!accept(i)) continue;
    const key = data.persistence.at[i] * width + data.fault.at[i];
    let cell = cells.get(key);
    if (!cell) cells.set(key, (cell = newCell(word("persistence", i), word("fault", i))));
    addTrial(cell, i);
  }
  return cells;
};
