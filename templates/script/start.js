// In the order in which things are looked at.
const fromAddress = () => {
  readAddress();
  readChoices();
  refresh();
  const wanted = state.trial ? numberOf(state.trial) : null;
  $("nowhere").hidden = !state.trial || wanted != null;
  if (wanted != null) return openTrial(wanted, "replace");
  if (state.trial) {
    $("nowhere").textContent = `No trial of this run is called ${state.trial}. It may have been left out of the run, or belong to another one.`;
    state.trial = "";
  }
  if (!$("trial").hidden) hideTrial();
};
readColors();
startGrid();
startSheet();
startKeys();
startMap();
startPolicies();
startChoices();
readMap();
startLanes();
fromAddress();
startPaper();
let settled;
addEventListener("resize", () => {
  clearTimeout(settled);
  settled = setTimeout(() => {
    repaint();
    drawHead();
    drawRows();
    redrawTimeline();
  }, 60);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
addEventListener("hashchange", fromAddress);
addEventListener("popstate", fromAddress);
performance.mark("ready");
document.documentElement.dataset.ready = "yes";
