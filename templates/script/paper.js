// What only paper needs, and what is folded, is kept off the page until somebody asks for it.
const aside = (node) => {
  const place = document.createComment("");
  node.replaceWith(place);
  return () => place.isConnected && place.replaceWith(node);
};
const startPaper = () => {
  for (const details of document.querySelectorAll("#findings details:not([open])")) {
    const back = [...details.children].filter((node) => node.localName !== "summary").map(aside);
    details.addEventListener("toggle", () => back.forEach((put) => put()), { once: true });
    details.addEventListener("unfold", () => back.forEach((put) => put()), { once: true });
  }
  const plainly = document.querySelector(".plainly");
  let putBack = plainly && aside(plainly), opened = [];
  addEventListener("beforeprint", () => {
    putBack?.();
    opened = [...document.querySelectorAll("#findings details:not([open])")];
    for (const details of opened) {
      details.dispatchEvent(new Event("unfold"));
      details.open = true;
    }
    if ($("trial").hidden) fillMapTable(0, true);
  });
  addEventListener("afterprint", () => {
    if (plainly) putBack = aside(plainly);
    for (const details of opened) details.open = false;
    if ($("trial").hidden) fillMapTable(0);
  });
};
