const NARROWEST = 88; // px of a tile, and of the gap beside it, as in the style
const GAP = 8;
const LONGEST_EDGE = 36; // px of a drawn rectangle
const TYPING_PAUSE = 250; // ms without a key before the text is sent
const AUTO_ICON = "M8 2v2M8 12v2M2 8h2M12 8h2M4 4l1.200 1.200M10.800 10.800 12 12M12 4l-1.200 1.200M5.200 10.800 4 12M8 6.500a1.500 1.500 0 1 0 0 3 1.500 1.500 0 0 0 0-3";
const CUSTOM_ICON = "M2 5V2h3M11 2h3v3M14 11v3h-3M5 14H2v-3M5.500 8h5M8 5.500v5";

function render({ model, el }) {
  initRoot(el, "ig-tile-choice");
  const id = randomId();
  const { later, flush, cancel, pending } = debounce(TYPING_PAUSE, sendTyped);
  const entered = valueSender(model);
  const legend = h("legend", { class: "igw-label" });
  const set = h("div", { class: "igw-set" });
  const text = h("input", { id: `${id}-text`, type: "text", class: "igw-input", autocomplete: "off", spellcheck: "false",
    placeholder: "1536x1024", input: typed, blur: flushTyped,
    keydown: (event) => event.key === "Enter" && flushTyped() });
  const limits = h("small", { id: `${id}-limits`, class: "igw-limits" });
  const row = h("div", { class: "igw-custom" }, h("label", { for: `${id}-text` }, "Custom size"), text);
  const group = h("fieldset", null, legend, set, row);
  const lines = fieldLines(group, fix);
  group.append(lines.el, limits);
  el.append(group);

  let asked = false; // whether somebody chose "Custom" or typed a size, which may be a tile's, too

  const value = () => model.get("value");
  const listed = () => model.get("options").some((option) => option.value === value());
  // Worked out anew each time: the options and the value of another model come one after the other.
  const custom = () => model.get("custom") && (asked || !listed());

  // Nothing that nobody typed: a value that the text knows nothing of may be on its way.
  function flushTyped() {
    if (pending()) flush();
  }

  function typed() {
    asked = true;
    later();
  }

  function sendTyped() {
    if (!custom()) return;
    // "1536 × 1024" means 1536x1024. An empty field is sent as "x", which no model takes: it must not mean auto.
    entered.send(text.value.toLowerCase().replace(/[×*]/g, "x").replace(/\s+/g, "") || "x");
  }

  function fix(size) {
    asked = true;
    text.value = size;
    flush();
    checkCurrent();
    text.focus();
  }

  function choose(option) {
    cancel();
    asked = !option;
    if (option) entered.send(option.value);
    else {
      const size = /^\d+x\d+$/.test(value()) ? value() : "";
      text.value = size;
      flush();
      text.select();
    }
    checkCurrent();
  }

  function shape({ width, height }, path = AUTO_ICON) {
    if (!(width > 0 && height > 0)) return h("span", { class: "igw-shape" }, icon(path));
    const scale = LONGEST_EDGE / Math.max(width, height);
    const side = (length) => `${Math.max(5, Math.round(length * scale))}px`;
    const box = h("span");
    Object.assign(box.style, { width: side(width), height: side(height) });
    return h("span", { class: "igw-shape", "aria-hidden": "true" }, box);
  }

  function tile(option, key, path) {
    const radio = h("input", { type: "radio", name: id, value: key, disabled: option.disabled,
      change: () => choose(key === "custom" ? null : option) });
    return h("label", { class: "igw-tile" }, radio, shape(option, path), h("b", null, option.label),
      option.hint && h("small", null, option.hint));
  }

  // As few rows as there is room for, and all as long as the others, but for the last.
  function divide() {
    const count = set.children.length;
    if (!set.parentElement.clientWidth || !count) return;
    const most = Math.max(1, Math.floor((set.parentElement.clientWidth + GAP) / (NARROWEST + GAP)));
    set.style.setProperty("--igw-columns", Math.ceil(count / Math.ceil(count / most)));
  }

  function draw() {
    const focused = set.contains(focusNear(set));
    set.replaceChildren(...model.get("options").map((option, index) => tile(option, String(index))));
    if (model.get("custom")) set.append(tile({ label: "Custom" }, "custom", CUSTOM_ICON));
    checkCurrent();
    divide();
    if (focused) (set.querySelector(":checked") ?? set.querySelector("input"))?.focus({ preventScroll: true });
  }

  function checkCurrent() {
    const index = custom() ? "custom" : String(model.get("options").findIndex((o) => o.value === value()));
    for (const radio of set.querySelectorAll("input")) radio.checked = radio.value === index;
    row.hidden = limits.hidden = !custom();
  }

  function showValue() {
    if (!pending() && text !== focusNear(text)) {
      const same = custom() && text.value.replace(/\s+/g, "") === value();
      asked &&= same;
      if (custom() && !same) text.value = value() === "x" ? "" : value();
    }
    checkCurrent();
  }

  function showTraits() {
    setText(legend, model.get("legend"));
    group.disabled = model.get("disabled");
    el.classList.toggle("ig-hidden", !model.get("visible"));
    lines.show({ ...model.get("lines"), problem: model.get("problem"), fixes: model.get("fixes") });
    // A group cannot be invalid, the field that a size is typed into can.
    group.removeAttribute("aria-invalid");
    text.setAttribute("aria-invalid", String(Boolean(model.get("problem"))));
    text.setAttribute("aria-describedby", `${group.getAttribute("aria-describedby")} ${limits.id}`.trim());
    setText(limits, `${["Width × height, in pixels", model.get("limits")].filter(Boolean).join(": ")}.`);
  }

  follow(model, ["legend", "disabled", "visible", "lines", "problem", "fixes", "limits"], showTraits);
  for (const name of ["options", "custom"]) model.on(`change:${name}`, draw);
  follow(model, ["value"], showValue);
  draw();
  const resized = new ResizeObserver(divide);
  resized.observe(group);
  el.addEventListener("ig-flush", flushTyped);
  return () => {
    flushTyped();
    entered.stop();
    resized.disconnect();
  };
}

export default { render };
