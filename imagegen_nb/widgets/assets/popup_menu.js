// A menu button's menu: arrow keys move inside, Esc and Tab close it, the focus goes back to the button.
const popupMenu = () => {
  let button = null;
  const place = () => placePopover(menu, button, 220, 260);
  // A card that was drawn anew has another button.
  const find = () => {
    button = (button && nowOf(button, menu.parentElement)) ?? button;
    return button?.isConnected;
  };
  // It goes with its button where the notebook scrolls, and closes once that is out of sight.
  const follow = (event) => {
    if (event.type === "scroll" && menu.contains(event.target)) return;
    if (!menu.isConnected) return listen(false);
    const { left, top, width, height } = button.getBoundingClientRect();
    const seen = button.isConnected && button.getRootNode().elementFromPoint(left + width / 2, top + height / 2);
    if (seen && button.contains(seen)) place();
    else menu.hidePopover();
  };
  const listen = (on) =>
    ["scroll", "resize"].forEach((type) => (on ? addEventListener : removeEventListener)(type, follow, true));
  const menu = h("div", { popover: "auto", role: "menu", class: "igw-pop igw-menu",
    toggle: (event) => {
      button?.setAttribute("aria-expanded", String(event.newState === "open"));
      listen(event.newState === "open");
    },
    keydown: (event) => {
      const entries = [...menu.children];
      const target = arrowTarget(event.key, entries.indexOf(focusNear(entries[0])), entries.length);
      if (event.key === "Tab") menu.hidePopover();
      if (target < 0) return;
      entries[target].focus();
      event.preventDefault();
    } });
  const open = (from, label, entries) => {
    button = from;
    menu.setAttribute("aria-label", label);
    menu.replaceChildren(...entries.filter(Boolean).map(([text, run]) => h("button", { type: "button",
      role: "menuitem", tabindex: "-1", click: () => { menu.hidePopover(); find(); button.focus(); run(); } }, text)));
    menu.showPopover();
    place();
    menu.firstChild.focus();
  };
  // What is behind it was drawn anew, perhaps without what it is the menu of.
  const refresh = () => {
    if (!menu.matches(":popover-open")) return;
    if (!find()) menu.hidePopover();
    else button.setAttribute("aria-expanded", "true");
  };
  return { menu, open, refresh };
};
