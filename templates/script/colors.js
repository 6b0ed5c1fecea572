// Colours for what is drawn on a canvas come from the same style sheet.
const colors = {};
const readColors = () => {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["bg", "card", "ink", "quiet", "line", "edge", "calm", "kept", "broken", "known", "weak", "grey", "accent", "tint-kept", "tint-allowed", "tint-broken", "tint-known", "tint-weak", "gone"]) colors[name] = style.getPropertyValue("--" + name).trim();
  for (const name of ["sans", "serif"]) colors[name] = style.getPropertyValue("--" + name);
};
const VERDICT_COLOR = { kept: "kept", broken: "broken", known: "known", inconclusive: "weak", errored: "weak", unsupported: "grey" };
const tint = (name, strength) => `rgba(${colors["tint-" + name]},${strength.toFixed(3)})`;
const repaints = [];
const repaint = () => {
  readColors();
  for (const paint of repaints) paint();
};
const flipTheme = () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  root.style.colorScheme = root.dataset.theme;
  repaint();
};
// A canvas as sharp as the screen, of this size in CSS pixels.
const canvasContext = (canvas, width, height) => {
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.style.width = width + "px";
  canvas.style.height = height + "px";
  const context = canvas.getContext("2d");
  context.scale(scale, scale);
  context.clearRect(0, 0, width, height);
  return context;
};
