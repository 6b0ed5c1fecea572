// The keyboard reaches everything.
const help = $("help");
const JUMPS = { m: "map", c: "cost", f: "findings", h: "history", t: "trials", r: "run" };
const jump = (id) => {
  if (!$("trial").hidden) shut();
  const target = $(id);
  if (!target) return;
  target.scrollIntoView({ block: "start" });
  (id === "trials" ? grid : target).focus({ preventScroll: true });
};
let going = false;
const onKey = (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.matches("input:not([type=checkbox]),select,textarea");
  const inTrial = !$("trial").hidden;
  const key = event.key;
  if (help.open) {
    if (key === "?") help.close();
    return;
  }
  if (key === "Escape") {
    if (typing) grid.focus({ preventScroll: true });
    else if (inTrial) shut();
    return;
  }
  if (typing) {
    if (key === "Enter" && event.target === $("q")) grid.focus({ preventScroll: true });
    return;
  }
  if (going) {
    going = false;
    if (JUMPS[key]) {
      event.preventDefault();
      jump(JUMPS[key]);
      return;
    }
  }
  const step = (by) => {
    if (!inTrial) {
      if (document.activeElement !== grid) jump("trials");
      moveCursor(by);
      return;
    }
    const next = shown[shown.indexOf(numberOf(state.trial)) + by];
    if (next != null) openTrial(next, "replace");
  };
  const inGrid = document.activeElement === grid;
  const page = Math.max(1, Math.floor(gridHeight() / rowHeight()) - 1);
  const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
  if (key === "/") {
    if (inTrial) shut();
    $("q").focus();
    $("q").select();
  } else if (key === "?") help.showModal();
  else if (key === "j") step(1);
  else if (key === "k") step(-1);
  else if (key === "g") going = true;
  else if (key === "t") flipTheme();
  else if (key === "y" && inTrial) $("trial").querySelector(".copy")?.click();
  else if ((key === "o" || (key === "Enter" && inGrid)) && !inTrial) act(cursor);
  else if (inGrid && key in moves) moveCursor(moves[key]);
  else return;
  event.preventDefault();
};
const startKeys = () => {
  addEventListener("keydown", onKey);
  $("help-open").addEventListener("click", () => help.showModal());
  $("help-close").addEventListener("click", () => help.close());
  $("theme").addEventListener("click", flipTheme);
  for (const link of document.querySelectorAll("[data-jump],.skip")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      jump(link.dataset.jump ?? "trials");
    });
  }
};
