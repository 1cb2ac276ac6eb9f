// The notebook's tabs tell a screen reader what they are, but not which panel is theirs.
const labelTabPanels = (form) => {
  const label = () => {
    const tabs = form()?.querySelectorAll('.widget-tab > .lm-TabBar [role="tab"]') ?? [];
    const panels = form()?.querySelectorAll(".widget-tab > .widget-tab-contents > *") ?? [];
    if (!tabs.length || tabs.length !== panels.length) return;
    watch.disconnect();
    tabs[0].closest('[role="tablist"]')?.setAttribute("aria-label", "The step");
    tabs.forEach((tab, index) => {
      const panel = panels[index];
      tab.id ||= randomId();
      panel.id ||= randomId();
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", tab.id);
      tab.setAttribute("aria-controls", panel.id);
    });
  };
  const watch = new MutationObserver(label);
  // Later, because the form is not in the page yet.
  setTimeout(() => {
    if (!form()) return;
    watch.observe(form(), { subtree: true, childList: true });
    label();
  });
  return () => watch.disconnect();
};

