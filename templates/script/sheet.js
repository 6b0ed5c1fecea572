// CSV of what is shown: the rows of the filter, in their order, with the columns that are chosen.
const cellOf = (value) => {
  let text = String(value ?? "");
  // A spreadsheet takes a text that begins so for a formula, unless an apostrophe says that it is text.
  if (/^[=+\-@\t\r\n＝＋－＠]/.test(text) && !Number.isFinite(Number(text))) text = "'" + text;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};
const sheet = () => {
  const columns = [columnOf("name"), ...columnsShown().filter((column) => column.key !== "name")];
  const rows = [columns.map((column) => column.key), ...shown.map((i) => columns.map((column) => column.text(i)))];
  const text = rows.map((row) => row.map(cellOf).join(",") + "\r\n").join("");
  // A spreadsheet takes text that is not ASCII for that of its own country, unless it begins with this mark.
  return (/^[\x00-\x7f]*$/.test(text) ? "" : "\ufeff") + text;
};
const startSheet = () => $("csv").addEventListener("click", () => {
  const address = URL.createObjectURL(new Blob([sheet()], { type: "text/csv" }));
  el("a", { href: address, download: "trials-shown.csv" }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
});
