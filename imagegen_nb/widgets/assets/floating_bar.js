// A bar that stays in sight with its gallery. JupyterLab's outputs are boxes that could scroll, so that nothing sticks to
// the top of a notebook: while the bar's row is out of sight and its gallery is not, it lies above the page, but only
// over what is seen of its gallery: other cells have nothing to do with it.
const WHOLE = 0.95; // of a row, less of which is not in sight
const EDGE = 4; // px between the bar and the end of what is seen of the gallery

// What is seen of an element in its scrolling parents and the window: the top, the bottom, the left and the right.
const seenPart = (element) => {
  const { top, bottom, left, right } = element.getBoundingClientRect();
  const seen = { top: Math.max(top, 0), bottom: Math.min(bottom, innerHeight), left, right };
  // JupyterLab's body has no height of its own.
  for (let { parentElement: parent } = element; parent && parent !== document.body; parent = parent.parentElement) {
    if (getComputedStyle(parent).overflowY === "visible") continue;
    const box = parent.getBoundingClientRect();
    seen.top = Math.max(seen.top, box.top);
    seen.bottom = Math.min(seen.bottom, box.bottom);
  }
  return seen;
};

// `row` is where the bar stands; it has the height of the bar, also while there is none: nothing below it moves.
const floatingBar = (bar, row, gallery) => {
  const inSight = new Map(); // element -> whether it is

  // At that end where its row is out of sight: so that all of the gallery can be scrolled clear of it.
  function place() {
    const { top, bottom, left, right } = seenPart(gallery);
    const { offsetHeight: height } = bar;
    const at = row.getBoundingClientRect().top < top ? top + EDGE : bottom - EDGE - height;
    Object.assign(bar.style, { left: `${left}px`, width: `${right - left}px`, top: `${at}px`,
      visibility: bottom - top > height + 2 * EDGE ? "" : "hidden" });
  }

  const listen = (on) => ["scroll", "resize"].forEach((type) =>
    (on ? addEventListener : removeEventListener)(type, place, { capture: true, passive: true }));

  function draw() {
    const floats = !bar.hidden && inSight.get(row) === false && inSight.get(gallery);
    if (floats === bar.hasAttribute("popover")) return;
    listen(floats);
    if (floats) {
      bar.popover = "manual";
      bar.showPopover();
      place();
      return;
    }
    const focused = bar.contains(focusNear(bar)) && focusNear(bar);
    bar.removeAttribute("popover");
    Object.assign(bar.style, { left: "", width: "", top: "", visibility: "" });
    if (focused && !bar.hidden) focused.focus({ preventScroll: true });
  }

  const seen = new IntersectionObserver((found) => {
    for (const { target, isIntersecting, intersectionRatio } of found) {
      inSight.set(target, isIntersecting && (target === gallery || intersectionRatio >= WHOLE));
    }
    draw();
  }, { threshold: [0, WHOLE] });
  const shown = new MutationObserver(draw);
  seen.observe(row);
  seen.observe(gallery);
  shown.observe(bar, { attributes: true, attributeFilter: ["hidden"] });
  return { stop: () => { listen(false); seen.disconnect(); shown.disconnect(); } };
};
