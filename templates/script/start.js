// In the order in which things are looked at.
const fromAddress = () => {
  readAddress();
  refresh();
  const wanted = state.trial ? numberOf(state.trial) : null;
  if (wanted != null) openTrial(wanted, "replace");
  else if (!$("trial").hidden) {
    hideTrial();
    repaint();
    drawRows();
  }
};
readColors();
startGrid();
startSheet();
startKeys();
fromAddress();
startMap();
readMap();
startPolicies();
startLanes();
let settled;
addEventListener("resize", () => {
  clearTimeout(settled);
  settled = setTimeout(() => {
    repaint();
    drawHead();
    drawRows();
  }, 60);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
addEventListener("hashchange", fromAddress);
addEventListener("popstate", fromAddress);
performance.mark("ready");
document.documentElement.dataset.ready = "yes";
