const TYPING_PAUSE = 150; // ms without a key before the text is sent
const PROBLEM_PAUSE = 1200; // ms without a key before half of a {{name}} is called wrong

function render({ model, el }) {
  initRoot(el, "ig-prompt-box");
  const id = randomId();
  const { later, flush, pending } = debounce(TYPING_PAUSE, () => entered.send(area.value));
  const entered = valueSender(model);
  const judge = debounce(PROBLEM_PAUSE, showLines);
  const area = h("textarea", { id, dir: "auto", class: "igw-input", spellcheck: "true",
    input: () => {
      later();
      judge.later();
    },
    blur: settle });
  const label = h("label", { for: id, class: "igw-label" });
  const lines = fieldLines(area, fix);
  const button = h("button", { type: "button", class: "igw-button", "aria-haspopup": "listbox",
    "aria-expanded": "false" }, icon("M5 2C3.5 2 4 7 2 8c2 1 .500 6 3 6M11 2c2.500 0 1 5 3 6-2 1-1.500 6-3 6M8 6v4M6 8h4"),
    "Insert Variable");
  const filter = h("input", { type: "text", role: "combobox", "aria-label": "Filter variables",
    "aria-controls": `${id}-list`, "aria-expanded": "true", "aria-autocomplete": "list", autocomplete: "off",
    spellcheck: "false", autofocus: true, placeholder: "Type to filter", input: () => listVariables(""), keydown: onKey });
  const options = h("div", { id: `${id}-list`, role: "listbox", "aria-label": "Variables" });
  const count = h("span", { role: "status" });
  const picker = h("div", { popover: "auto", class: "igw-pop igw-picker", beforetoggle: beforeOpen, toggle: onToggle }, filter, options,
    h("div", { class: "igw-picker-foot" }, count, h("span", { "aria-hidden": "true" }, "↑ ↓ Enter · Esc")));
  button.popoverTargetElement = picker;
  el.append(h("div", { class: "igw-prompt-head" }, label, button), picker, area, lines.el);

  let shown = [];
  let active = 0;
  let isWrong = false; // whether a problem is shown
  const option = variableOption({ id, isActive: (index) => index === active, activate, insert });

  function showValue() {
    // While typed text is not sent yet, a value that arrives is older than the text.
    if (pending() || area.value === model.get("value")) return;
    const caret = [area.selectionStart, area.selectionEnd];
    const hadText = area.value !== "";
    if (!hadText || !replaceText(model.get("value"))) area.value = model.get("value");
    if (hadText) area.setSelectionRange(...caret);
  }

  // As if it were typed: the browser's undo then goes back to what stood here. It needs the focus for a moment.
  function replaceText(text) {
    const focused = focusNear(area);
    area.focus({ preventScroll: true });
    if (focusNear(area) !== area) return false;
    area.select();
    const done = text ? document.execCommand("insertText", false, text) : document.execCommand("delete");
    if (focused && focused !== area && focused !== document.body) focused.focus({ preventScroll: true });
    else if (focused !== area) area.blur();
    return done && area.value === text;
  }

  function fix(text) {
    if (!replaceText(text)) area.value = text;
    area.focus();
    settle();
  }

  function settle() {
    flush();
    judge.flush();
  }

  function showTraits() {
    label.textContent = model.get("label");
    area.style.setProperty("--igw-rows", model.get("rows"));
    area.rows = model.get("rows");
    area.disabled = button.disabled = model.get("disabled");
    showLines();
  }

  // While somebody types, a problem waits; one that is shown is brought up to date, or taken away, at once.
  function showLines() {
    const waits = judge.pending() && !isWrong;
    const problem = waits ? "" : model.get("problem");
    isWrong = Boolean(problem);
    lines.show({ ...model.get("lines"), problem, fixes: waits ? [] : model.get("fixes") });
  }

  function onToggle(event) {
    const open = event.newState === "open";
    button.setAttribute("aria-expanded", String(open));
    (open ? addEventListener : removeEventListener)("scroll", reposition, true);
    (open ? addEventListener : removeEventListener)("resize", reposition, true);
    if (open) reposition();
  }

  // The list is filled before the picker is shown, so that even the first key finds it; autofocus does the rest.
  function beforeOpen(event) {
    if (event.newState !== "open") return;
    flush();
    filter.value = "";
    listVariables("");
    reposition();
  }

  // The list of the picker scrolls too; a resize comes from the window, which is no part of anything.
  function reposition(event) {
    if (event?.type !== "scroll" || !picker.contains(event.target)) placePopover(picker, button, 440, 360);
  }

  // The one that was chosen stays so, wherever it stands now: variables may come late.
  function listVariables(chosen = shown[active]?.path) {
    const all = model.get("variables");
    const terms = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const matches = (v) => terms.every((term) => `${v.path} ${v.type} ${v.state}`.toLowerCase().includes(term));
    shown = GROUPS.flatMap((group) => all.filter((v) => v.group === group && matches(v)));
    options.replaceChildren(...GROUPS.map((group, number) => {
      const members = shown.filter((v) => v.group === group);
      return members.length ? h("div", { role: "group", "aria-labelledby": `${id}-g${number}` },
        h("span", { id: `${id}-g${number}`, role: "presentation" }, group),
        members.map((v) => option(v, shown.indexOf(v)))) : "";
    }));
    options.hidden = !shown.length;
    count.textContent = !all.length ? "No variables yet: write {{name}} in the prompt, or run an earlier step."
      : !shown.length ? "No variable matches." : `${shown.length} of ${all.length}`;
    activate(Math.max(shown.findIndex((v) => v.path === chosen), 0), chosen === "");
  }

  function activate(index, scroll = true) {
    options.querySelector("[aria-selected=true]")?.setAttribute("aria-selected", "false");
    active = index;
    const chosen = shown.length && options.querySelector(`#${id}-${index}`);
    if (!chosen) return filter.removeAttribute("aria-activedescendant");
    chosen.setAttribute("aria-selected", "true");
    filter.setAttribute("aria-activedescendant", chosen.id);
    if (scroll) chosen.scrollIntoView({ block: "nearest" });
  }

  function onKey(event) {
    if (event.isComposing) return;
    const target = shown.length ? arrowTarget(event.key, active, shown.length) : -1;
    if (target >= 0) activate(target);
    else if (event.key === "Enter") shown.length && insert(shown[active].path);
    else if (event.key === "Escape") close();
    else {
      if (event.key === "Tab") picker.hidePopover();
      return;
    }
    event.preventDefault();
  }

  function close() {
    picker.hidePopover();
    area.focus(); // the caret is still where it was
  }

  function insert(path) {
    const text = `{{${path}}}`;
    close();
    // insertText keeps the undo history; setRangeText is for browsers that refuse insertText.
    if (!document.execCommand("insertText", false, text)) {
      area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
    }
    flush();
  }

  follow(model, ["label", "rows", "disabled", "lines", "problem", "fixes"], showTraits);
  follow(model, ["value"], showValue);
  el.addEventListener("ig-flush", settle);
  model.on("change:variables", () => picker.matches(":popover-open") && listVariables());
  return () => {
    flush();
    entered.stop();
    judge.cancel();
    removeEventListener("scroll", reposition, true);
    removeEventListener("resize", reposition, true);
  };
}

export default { render };
