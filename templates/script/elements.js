// Elements are built, never parsed: what a server, a key or a log says stays text.
const $ = (id) => document.getElementById(id);
const fill = (node, attrs, kids) => {
  for (const [key, value] of Object.entries(attrs)) {
    if (value == null || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...kids.flat().filter((kid) => kid != null && kid !== false));
  return node;
};
const el = (tag, attrs = {}, ...kids) => fill(document.createElement(tag), attrs, kids);
const svg = (tag, attrs = {}, ...kids) => fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attrs, kids);
const button = (text, onclick, attrs = {}) => el("button", { type: "button", ...attrs, onclick }, text);
const chip = (verdict) => el("span", { class: "chip v-" + verdict }, verdict);
const options = (select, words, first) => {
  const chosen = select.value;
  select.replaceChildren(...(first == null ? [] : [el("option", { value: "" }, first)]), ...words.map((word) => el("option", { value: word }, word)));
  if (words.includes(chosen)) select.value = chosen;
};
// Where in the order of acknowledgement the loss lies: a digit for each sixteenth of a life's writes, from 0 (all there) to 9 (all gone).
const lossBars = (gone, x, y, width, height) => [
  svg("rect", { class: "base", x, y: y + height - 1, width, height: 1 }),
  ...[...gone].flatMap((digit, n) => {
    const high = Math.max(2, (digit / 9) * height);
    return digit > 0 ? [svg("rect", { class: "gone", x: (x + (n * width) / gone.length).toFixed(2), y: (y + height - high).toFixed(2), width: (width / gone.length + 0.2).toFixed(2), height: high.toFixed(2) })] : [];
  }),
];
// The same in one element, for rows.
const lossGlyph = (gone) => {
  const d = [...gone].map((digit, n) => (digit > 0 ? `M${n * 2} 9v-${Math.max(2, digit)}h2v${Math.max(2, digit)}z` : "")).join("");
  return svg("svg", { class: "glyph", viewBox: "0 0 32 9", width: 32, height: 9, "aria-hidden": "true" }, svg("path", { class: "base", d: "M0 8h32v1H0z" }), svg("path", { class: "gone", d }));
};
const copyable = (text) => {
  const node = button("Copy", async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = el("textarea", {}, text);
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    node.textContent = "Copied";
    setTimeout(() => (node.textContent = "Copy"), 1500);
  }, { class: "copy" });
  return node;
};
