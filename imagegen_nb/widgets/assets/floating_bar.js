// A bar that stays in sight with its gallery. JupyterLab's outputs are boxes that could scroll, so that nothing sticks to
// the top of a notebook: while the bar's place is out of sight and its gallery is not, it lies above the page.
const WHOLE = 0.95; // of a bar, less of which is not in sight

const floatingBar = (bar, gallery) => {
  const place = h("div", null, bar);
  const inSight = new Map(); // element -> whether it is

  function draw() {
    const floats = !bar.hidden && inSight.get(place) === false && inSight.get(gallery);
    if (floats === bar.hasAttribute("popover")) return;
    if (floats) {
      const box = gallery.getBoundingClientRect();
      place.style.minHeight = `${bar.offsetHeight}px`; // or what stands below would move up
      Object.assign(bar.style, { left: `${box.left}px`, width: `${box.width}px` });
      bar.popover = "manual";
      bar.showPopover();
      return;
    }
    const focused = bar.contains(focusNear(bar)) && focusNear(bar);
    bar.removeAttribute("popover");
    Object.assign(bar.style, { left: "", width: "" });
    place.style.minHeight = "";
    if (focused && !bar.hidden) focused.focus({ preventScroll: true });
  }

  const seen = new IntersectionObserver((found) => {
    for (const { target, isIntersecting, intersectionRatio } of found) {
      inSight.set(target, isIntersecting && (target === gallery || intersectionRatio >= WHOLE));
    }
    draw();
  }, { threshold: [0, WHOLE] });
  const shown = new MutationObserver(draw);
  seen.observe(place);
  seen.observe(gallery);
  shown.observe(bar, { attributes: true, attributeFilter: ["hidden"] });
  return { place, stop: () => { seen.disconnect(); shown.disconnect(); } };
};
