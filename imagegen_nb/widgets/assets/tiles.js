const EDGE = 36; // px of a drawn rectangle's longer edge
const PAUSE = 250;
const AUTO = "M8 2v2M8 12v2M2 8h2M12 8h2M4 4l1.200 1.200M10.800 10.800 12 12M12 4l-1.200 1.200M5.200 10.800 4 12M8 6.500a1.500 1.500 0 1 0 0 3 1.500 1.500 0 0 0 0-3";
const FREE = "M2 5V2h3M11 2h3v3M14 11v3h-3M5 14H2v-3M5.500 8h5M8 5.500v5";

function render({ model, el }) {
  own(el, "ig-tile-choice");
  const id = unique();
  const { later, flush, stop, under } = typing(PAUSE, typed);
  const legend = h("legend");
  const set = h("div", { class: "igw-set" });
  const problem = h("p", { id: `${id}-problem`, class: "igw-problem", "aria-live": "polite" });
  const text = h("input", { id: `${id}-text`, type: "text", autocomplete: "off", spellcheck: "false",
    placeholder: "1536x1024", "aria-describedby": `${id}-problem`, input: later, blur: flush,
    keydown: (event) => event.key === "Enter" && flush() });
  const row = h("div", { class: "igw-own" }, h("label", { for: `${id}-text` }, "Custom size"), text,
    h("small", null, "width x height, in pixels"));
  const group = h("fieldset", { "aria-describedby": `${id}-problem` }, legend, set, row, problem);
  el.append(group);

  let free = false; // "Custom" was chosen, even where the typed size is also a tile's

  const value = () => model.get("value");
  const listed = () => model.get("options").some((option) => option.value === value());

  function send(next) {
    if (next === value()) return;
    model.set("value", next);
    model.save_changes();
  }

  function typed() {
    if (!free) return;
    // "1536 × 1024" means 1536x1024; an empty field is "x", which no model takes, rather than auto.
    send(text.value.toLowerCase().replace(/[×*]/g, "x").replace(/\s+/g, "") || "x");
  }

  function choose(option) {
    stop();
    free = !option;
    if (option) send(option.value);
    else {
      const size = /^\d+x\d+$/.test(value()) ? value() : "";
      text.value = size;
      flush();
      text.select();
    }
    mark();
  }

  function shape({ width, height }, path = AUTO) {
    if (!(width > 0 && height > 0)) return h("span", { class: "igw-shape" }, icon(path));
    const scale = EDGE / Math.max(width, height);
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

  function draw() {
    const focused = set.contains(document.activeElement);
    set.replaceChildren(...model.get("options").map((option, index) => tile(option, String(index))));
    if (model.get("custom")) set.append(tile({ label: "Custom" }, "custom", FREE));
    mark();
    if (focused) (set.querySelector(":checked") ?? set.querySelector("input"))?.focus();
  }

  function mark() {
    const index = free ? "custom" : String(model.get("options").findIndex((o) => o.value === value()));
    for (const radio of set.querySelectorAll("input")) radio.checked = radio.value === index;
    row.hidden = !free;
    settings();
  }

  function arrived() {
    if (!under() && text !== document.activeElement) {
      const kept = free && text.value.replace(/\s+/g, "") === value();
      free = model.get("custom") && (kept || !listed());
      if (free && !kept) text.value = value() === "x" ? "" : value();
    }
    mark();
  }

  function settings() {
    legend.textContent = model.get("legend");
    group.disabled = model.get("disabled");
    problem.textContent = model.get("problem");
    problem.hidden = !model.get("problem");
    text.setAttribute("aria-invalid", String(Boolean(model.get("problem"))));
  }

  for (const name of ["legend", "problem", "disabled"]) model.on(`change:${name}`, settings);
  for (const name of ["options", "custom"]) {
    model.on(`change:${name}`, () => {
      free = model.get("custom") && (free || !listed());
      draw();
    });
  }
  model.on("change:value", arrived);
  arrived();
  draw();
  return flush;
}

export default { render };
