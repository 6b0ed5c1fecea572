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
// Where in the order of acknowledgement the loss lies, from the first write on the left to the last on the right.
const LOST_AT = { none: [], suffix: [[0.6, 1]], prefix: [[0, 0.4]], hole: [[0.35, 0.65]], scattered: [[0.08, 0.24], [0.42, 0.56], [0.78, 1]], all: [[0, 1]] };
const shapeGlyph = (shape) => {
  const root = svg("svg", { class: "glyph", viewBox: "0 0 26 8", width: 26, height: 8, "aria-hidden": "true" }, svg("rect", { class: "frame", x: 0.5, y: 0.5, width: 25, height: 7 }));
  for (const [from, to] of LOST_AT[shape] ?? []) root.append(svg("rect", { class: "gone", x: 1 + from * 24, y: 1, width: (to - from) * 24, height: 6 }));
  return root;
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
