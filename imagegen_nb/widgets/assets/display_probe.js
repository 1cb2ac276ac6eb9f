// Draws nothing while there is a kernel: asking for this script tells the kernel that a page shows the form. It
// speaks for the form as a whole: Ctrl+Enter runs, keys typed into it do not reach the notebook's shortcuts, and the
// focus stays in it.
const RUN = ".ig-run";

// Where widgets are drawn in a shadow tree, the page sees only its host.
const targetOf = (event) => event.composedPath()[0];

const usable = (el) => el.isConnected && !el.matches(":disabled") && el.checkVisibility();

function render({ model, el }) {
  const form = () => el.closest(".ig-form");
  const inForm = (node) => node instanceof Element && node.closest(".ig-form") === form();
  let gone = false; // the kernel
  let last = null; // what had the focus, unless somebody left the form

  // Not in a dialog, nor while somebody writes a note to an image: what runs costs money.
  const elsewhere = (target) => target.closest("dialog, .ig-gallery :is(input, textarea)");

  // Without a kernel the keys are the notebook's: they run the cell, which is what is to be done.
  const onKey = (event) => {
    if (gone) return;
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.altKey || event.isComposing) return;
    const target = targetOf(event);
    if (!form() || !inForm(target) || elsewhere(target)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    // The button's widget is handled by the kernel in turn with the fields, another widget perhaps beside them.
    const run = form().querySelector(RUN);
    run?.click();
    // From far down, how it goes would be out of sight. Where it cannot run, the focus goes to what keeps it from that.
    if (run && !isOff(run)) run.closest(".ig-header").scrollIntoView({ block: "nearest" });
  };

  const onFocus = (event) => {
    const target = targetOf(event);
    if (!form() || !inForm(target)) {
      last = null;
      return;
    }
    last = target;
    suppressShortcuts({ target });
  };

  const onPointer = (event) => {
    if (!inForm(targetOf(event))) last = null;
  };

  // What had the focus may be hidden, disabled or redrawn; the browser then gives the focus to the page.
  const rescue = () => {
    if (!last || usable(last)) return;
    const active = form()?.getRootNode().activeElement;
    const lost = !active || active === document.body || active === last;
    last = null;
    if (lost) form()?.querySelector(RUN)?.focus({ preventScroll: true });
  };
  const watch = new MutationObserver(() => last && !usable(last) && setTimeout(rescue, 60));

  const receive = (message) => {
    if (message.type !== "focus") return;
    const among = (kinds) => [...form()?.querySelectorAll(`.${message.class} :is(${kinds})`) ?? []].find(usable);
    const find = () => among("input, textarea, select") ?? among("button");
    // What the same moment changed is drawn first: the tab may have to be opened.
    const focus = (tries) => setTimeout(() => {
      const control = find();
      if (control) control.focus();
      else if (tries) focus(tries - 1);
    }, 60);
    focus(10);
  };

  // Text stays readable and can be copied; what would ask the kernel is out of use. The gallery sees to itself, and
  // paths are copied without a kernel.
  function putOutOfUse() {
    gone = true;
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
  let unsteady = () => {};
  setTimeout(() => {
    if (!form()) return;
    unsteady = steadyPointer(form());
    watch.observe(form(), { subtree: true, childList: true, attributes: true,
      attributeFilter: ["class", "style", "hidden", "disabled"] });
  });
  return () => {
    unwatch();
    unlabel();
    watch.disconnect();
    unsteady();
    document.removeEventListener("keydown", onKey, true);
    document.removeEventListener("focusin", onFocus);
    document.removeEventListener("pointerdown", onPointer, true);
    model.off("msg:custom", receive);
  };
}

export default { render };
