const AIMING = 300; // ms after the pointer moved in which what it is over must not move away

const parentOf = (el) => el.parentElement ?? el.getRootNode().host;

// Scrolls what can be scrolled around `node` until this stands at `top` again, as far as that goes.
const bringBack = (node, top) => {
  for (let el = node; el; el = parentOf(el)) {
    const by = node.getBoundingClientRect().top - top;
    if (Math.abs(by) < 1) return;
    if (el === document.scrollingElement || /auto|scroll/.test(getComputedStyle(el).overflowY)) el.scrollTop += by;
  }
};

// What is typed brings rows of its own, such as a field for a variable. They come a moment later: then somebody may be
// about to press what stands below. So while the pointer moves or is down, what grows above it scrolls away instead.
// Browsers do so only for what is above the first line in sight.
const steadyPointer = (form) => {
  let over = null;
  let top = 0;
  let height = 0; // of the form when `top` was measured
  let moved = 0;
  let down = false;
  const measure = () => {
    top = over?.getBoundingClientRect().top ?? 0;
    height = form.offsetHeight;
  };
  const keep = () => {
    const aiming = down || performance.now() - moved < AIMING;
    if (aiming && height !== form.offsetHeight && over?.isConnected && over.checkVisibility()) bringBack(over, top);
    measure();
  };
  const note = (event) => {
    keep(); // an event can come between the growth and the observer
    over = event.composedPath()[0];
    moved = performance.now();
    down = event.buttons > 0;
    measure();
  };
  const scrolled = () => height === form.offsetHeight && measure();
  const sizes = new ResizeObserver(keep); // is told before the page is painted
  sizes.observe(form);
  const events = ["pointermove", "pointerdown", "pointerup"];
  for (const name of events) form.addEventListener(name, note, true);
  document.addEventListener("scroll", scrolled, { capture: true, passive: true });
  return () => {
    sizes.disconnect();
    for (const name of events) form.removeEventListener(name, note, true);
    document.removeEventListener("scroll", scrolled, true);
  };
};
