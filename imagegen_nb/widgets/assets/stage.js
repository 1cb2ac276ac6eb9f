// Nothing to draw: the form's controls are made once somebody looks, and this is how the kernel learns it.
// It also keeps the keys typed into the form's plain controls from the notebook.
function render() {
  const heed = (event) => event.target.closest(".ig-form") && quiet(event);
  document.addEventListener("focusin", heed);
  return () => document.removeEventListener("focusin", heed);
}

export default { render };
