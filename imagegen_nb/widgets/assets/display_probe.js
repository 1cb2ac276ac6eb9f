// Draws nothing while there is a kernel: asking for this script tells the kernel that a page shows the form. It speaks for the form as a
// whole: Ctrl+Enter runs, keys typed into it do not reach the notebook's shortcuts, and the focus stays in it.
const RUN = ".ig-run";

const usable = (el) => el.isConnected && !el.matches(":disabled") && el.checkVisibility();

function render({ model, el }) {
  const form = () => el.closest(".ig-form");
  const target = (event) => event.composedPath()[0] ?? event.target; // in a shadow tree, the event's own is the host
  const inForm = (node) => node instanceof Element && node.closest(".ig-form") === form();
  let last = null; // what had the focus, unless somebody left the form

  const onKey = (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.altKey || event.isComposing) return;
    if (!form() || !inForm(target(event))) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    flushForm(el);
    model.send({ type: "run" });
  };

  const onFocus = (event) => {
    if (!form() || !inForm(target(event))) {
      last = null;
      return;
    }
    last = target(event);
    suppressShortcuts({ target: last });
  };

  const onPointer = (event) => {
    if (!inForm(target(event))) last = null;
  };

  // What had the focus may be hidden, disabled or redrawn; the browser then gives the focus to the page.
  const rescue = () => {
    if (!last || usable(last)) return;
    const focused = focusNear(el);
    const lost = !focused || focused === document.body || focused === last;
    last = null;
    if (lost) form()?.querySelector(RUN)?.focus({ preventScroll: true });
  };
  const watch = new MutationObserver(() => last && !usable(last) && setTimeout(rescue, 60));

  const receive = (message) => {
    if (message.type !== "focus") return;
    const find = () => form()?.querySelector(`.${message.class} :is(input, textarea, select, button):not(:disabled)`);
    setTimeout(() => find()?.focus(), 60); // after what the same moment changed was drawn
  };

  // Text stays readable and can be copied; what would ask the kernel is out of use. The gallery sees to itself, and
  // paths are copied without a kernel.
  function putOutOfUse() {
    const form = el.closest(".ig-form") ?? el;
    form.classList.add("igw-gone");
    el.replaceChildren(kernelGoneNote());
    for (const control of form.querySelectorAll("button, input, select, textarea")) {
      if (control.closest(".ig-gallery, .ig-output-tree")) continue;
      if (control.matches("textarea, input[type=text], input[type=number], input[type=search]")) control.readOnly = true;
      else control.disabled = true;
    }
  }

  const unlabel = labelTabPanels(form);
  const unwatch = watchKernel(model, putOutOfUse);
  document.addEventListener("keydown", onKey, true);
  document.addEventListener("focusin", onFocus);
  document.addEventListener("pointerdown", onPointer, true);
  model.on("msg:custom", receive);
  setTimeout(() => form() && watch.observe(form(), { subtree: true, childList: true, attributes: true,
    attributeFilter: ["class", "style", "hidden", "disabled"] }));
  return () => {
    unwatch();
    unlabel();
    watch.disconnect();
    document.removeEventListener("keydown", onKey, true);
    document.removeEventListener("focusin", onFocus);
    document.removeEventListener("pointerdown", onPointer, true);
    model.off("msg:custom", receive);
  };
}

export default { render };
