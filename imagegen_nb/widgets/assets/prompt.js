const GROUPS = ["Inputs", "Workflow Steps"];
const PAUSE = 150; // ms without a key before the text is sent
const WHY = {
  predicted: "Expected from the step's settings; no run has confirmed it yet",
  missing: "The last run did not have it",
};

function render({ model, el }) {
  own(el, "ig-prompt-box");
  const id = unique();
  const { later, flush, under } = typing(PAUSE, send);
  const area = h("textarea", {
    id, "aria-describedby": `${id}-problem`, input: later, blur: flush, spellcheck: "true",
  });
  const label = h("label", { for: id });
  const button = h("button", { type: "button", class: "igw-button", "aria-haspopup": "listbox",
    "aria-expanded": "false" }, icon("M5 2C3.5 2 4 7 2 8c2 1 .500 6 3 6M11 2c2.500 0 1 5 3 6-2 1-1.500 6-3 6M8 6v4M6 8h4"),
    "Insert Variable");
  const problem = h("p", { id: `${id}-problem`, class: "igw-problem", "aria-live": "polite" });
  const filter = h("input", { type: "text", role: "combobox", "aria-label": "Filter variables",
    "aria-controls": `${id}-list`, "aria-expanded": "true", "aria-autocomplete": "list", autocomplete: "off",
    spellcheck: "false", autofocus: true, placeholder: "Type to filter", input: () => list(), keydown: keys });
  const options = h("div", { id: `${id}-list`, role: "listbox", "aria-label": "Variables" });
  const count = h("span", { role: "status" });
  const pop = h("div", { popover: "auto", class: "igw-pop igw-picker", beforetoggle: opens, toggle: toggled }, filter, options,
    h("div", { class: "igw-picker-foot" }, count, h("span", { "aria-hidden": "true" }, "↑ ↓ Enter · Esc")));
  button.popoverTargetElement = pop;
  el.append(h("div", { class: "igw-prompt-head" }, label, button), pop, area, problem);

  let shown = [];
  let active = 0;

  function send() {
    if (area.value === model.get("value")) return;
    model.set("value", area.value);
    model.save_changes();
  }

  function write() {
    // While keys are on their way, what arrives is older than what is typed.
    if (under() || area.value === model.get("value")) return;
    const caret = [area.selectionStart, area.selectionEnd];
    const started = area.value !== "";
    area.value = model.get("value");
    if (started) area.setSelectionRange(...caret);
  }

  function settings() {
    label.textContent = model.get("label");
    area.style.setProperty("--igw-rows", model.get("rows"));
    area.rows = model.get("rows");
    area.disabled = button.disabled = model.get("disabled");
    problem.textContent = model.get("problem");
    problem.hidden = !model.get("problem");
    area.setAttribute("aria-invalid", String(Boolean(model.get("problem"))));
  }

  function toggled(event) {
    const open = event.newState === "open";
    button.setAttribute("aria-expanded", String(open));
    (open ? addEventListener : removeEventListener)("scroll", moved, true);
    (open ? addEventListener : removeEventListener)("resize", moved, true);
    if (open) moved();
  }

  // Before it is shown, so that the first key already meets a full list; autofocus does the rest.
  function opens(event) {
    if (event.newState !== "open") return;
    flush();
    filter.value = "";
    list();
    moved();
  }

  function moved(event) {
    if (!event || !pop.contains(event.target)) place(pop, button, 440, 360);
  }

  function option(variable, index) {
    const known = WHY[variable.state];
    return h("div", { role: "option", id: `${id}-${index}`, "aria-selected": "false",
      mousedown: (event) => event.preventDefault(), mousemove: () => index !== active && point(index, false),
      click: () => insert(variable.path) },
    h("code", null, variable.path),
    h("small", null, variable.type),
    known && h("span", { class: `igw-chip igw-chip-${variable.state}`, title: known }, variable.state),
    variable.sample && h("small", { class: "igw-sample" }, variable.sample));
  }

  function list() {
    const all = model.get("variables");
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (v) => words.every((word) => `${v.path} ${v.type} ${v.state}`.toLowerCase().includes(word));
    shown = GROUPS.flatMap((group) => all.filter((v) => v.group === group && fits(v)));
    options.replaceChildren(...GROUPS.map((group, number) => {
      const members = shown.filter((v) => v.group === group);
      return members.length ? h("div", { role: "group", "aria-labelledby": `${id}-g${number}` },
        h("span", { id: `${id}-g${number}`, role: "presentation" }, group),
        members.map((v) => option(v, shown.indexOf(v)))) : "";
    }));
    options.hidden = !shown.length;
    count.textContent = !all.length ? "No variables yet: add an input, or run an earlier step."
      : !shown.length ? "No variable matches." : `${shown.length} of ${all.length}`;
    point(0);
  }

  function point(index, scroll = true) {
    options.querySelector("[aria-selected=true]")?.setAttribute("aria-selected", "false");
    active = index;
    const chosen = shown.length && options.querySelector(`#${id}-${index}`);
    if (!chosen) return filter.removeAttribute("aria-activedescendant");
    chosen.setAttribute("aria-selected", "true");
    filter.setAttribute("aria-activedescendant", chosen.id);
    if (scroll) chosen.scrollIntoView({ block: "nearest" });
  }

  function keys(event) {
    if (event.isComposing) return;
    const to = shown.length ? step(event.key, active, shown.length) : -1;
    if (to >= 0) point(to);
    else if (event.key === "Enter") shown.length && insert(shown[active].path);
    else if (event.key === "Escape") close();
    else {
      if (event.key === "Tab") pop.hidePopover();
      return;
    }
    event.preventDefault();
  }

  function close() {
    pop.hidePopover();
    area.focus(); // its caret is where it was left
  }

  function insert(path) {
    const text = `{{${path}}}`;
    close();
    // insertText keeps the undo history; setRangeText is for browsers that refuse it.
    if (!document.execCommand("insertText", false, text)) {
      area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
    }
    flush();
  }

  for (const name of ["label", "rows", "disabled", "problem"]) model.on(`change:${name}`, settings);
  model.on("change:value", write);
  model.on("change:variables", () => pop.matches(":popover-open") && list());
  settings();
  write();
  return () => {
    flush();
    removeEventListener("scroll", moved, true);
    removeEventListener("resize", moved, true);
  };
}

export default { render };
