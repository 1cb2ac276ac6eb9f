// Draws nothing while there is a kernel: asking for this script tells the kernel that a page shows the form.
// It also keeps keys typed into the form's plain controls from the notebook's shortcuts.
function render({ model, el }) {
  const onFocus = (event) => event.target.closest(".ig-form") && suppressShortcuts(event);
  document.addEventListener("focusin", onFocus);

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

  const unwatch = watchKernel(model, putOutOfUse);
  return () => {
    unwatch();
    document.removeEventListener("focusin", onFocus);
  };
}

export default { render };
