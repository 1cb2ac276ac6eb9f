// The keys of a dialog, behind a button: they are seen there, and by "?" around the pictures.
const KEYS_OF_PICTURES = [["+ −", "Zoom in, out"], ["0 1", "Fit, 100 %"]];
const KEYS_OF_VIEWER = [["← →", "Previous, next image"], ["Home End", "First, last image"], ...KEYS_OF_PICTURES,
  ["f", "Full screen"], ["i", "Prompt and settings"], ["n", "Note"], ["s", "Star"], ["Esc", "Close"]];
const KEYS_OF_COMPARISON = [["← →", "Move the divider"], ...KEYS_OF_PICTURES, ["Esc", "Close"]];

// `keys` are pairs of keys, apart by blanks, and what they do.
const keyHelp = (keys) => {
  const button = iconButton("Keys", ICONS.help, () => toggle(), { "aria-expanded": "false", title: "Keys (?)" });
  const list = h("dl", null, [...keys, ["?", "These keys"]].map(([names, does]) =>
    h("div", null, h("dt", null, names.split(" ").map((name) => h("kbd", null, name))), h("dd", null, does))));
  const pop = h("div", { popover: "auto", class: "igw-pop igw-key-help", role: "group", "aria-label": "Keys",
    toggle: (event) => button.setAttribute("aria-expanded", String(event.newState === "open")) }, list);
  // A click on the button closes what is open before the button hears of it.
  let wasOpen = false;
  button.addEventListener("pointerdown", () => { wasOpen = pop.matches(":popover-open"); }, { capture: true });

  function toggle() {
    if (wasOpen || pop.matches(":popover-open")) pop.hidePopover();
    else {
      pop.showPopover();
      placePopover(pop, button, 280, 420);
    }
    wasOpen = false;
  }

  // True where the key was the one for help.
  const onKey = (event) => {
    if (event.key !== "?" || event.target.matches("textarea, input:not([type=range], [type=radio])")) return false;
    event.preventDefault();
    toggle();
    return true;
  };

  return { button, pop, onKey, first: list.firstElementChild };
};
