// Draws nothing: asking for this script tells the kernel that a page shows the form.
// It also keeps keys typed into the form's plain controls from the notebook's shortcuts.
function render() {
  const onFocus = (event) => event.target.closest(".ig-form") && suppressShortcuts(event);
  document.addEventListener("focusin", onFocus);
  return () => document.removeEventListener("focusin", onFocus);
}

export default { render };
