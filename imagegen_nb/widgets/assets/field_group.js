const TYPING_PAUSE = 250; // ms without a key before an entry is sent

// A field's element, `show(view)` and `flush()`; `make` gives the control and how it shows a value.
const field = (key, label, input, lines, control = input) => {
  const name = key.replaceAll("_", "-");
  lines.el.classList.add(`ig-${name}-message`);
  const el = h("div", { class: `ig-field igw-field ig-${name}` }, label, control, lines.el);
  const show = (view) => {
    el.hidden = !view.visible;
    input.disabled = view.disabled;
    lines.show(view);
  };
  return { el, show };
};

const labelled = (key, tag, props, kind) => {
  const id = randomId();
  const input = h(tag, { id, class: "igw-input", ...props });
  const label = h("label", { for: id, class: "igw-label" });
  const made = field(key, label, input, fieldLines(input), kind?.(input));
  const show = (view) => {
    setText(label, view.label);
    made.show(view);
  };
  return { ...made, input, show };
};

// What is typed stays as it is while the field has the focus: an answer may be older than the text.
const typed = (key, send, props, kind) => {
  let shown = "";
  const { later, flush, pending } = debounce(TYPING_PAUSE, () => {
    if (input.value === shown) return;
    shown = input.value;
    send(key, shown);
  });
  const leave = () => {
    if (pending()) flush();
    input.value = shown = last.value;
  };
  const made = labelled(key, "input", { type: "text", autocomplete: "off", input: later, blur: leave, ...props }, kind);
  const input = made.input;
  let last = { value: "" };
  const show = (view) => {
    const changed = view.value !== last.value;
    last = { ...view };
    made.show(view);
    if (!changed || pending()) return;
    const typing = input === focusNear(input) && input.value.trim() === view.value;
    shown = typing ? input.value : view.value;
    if (!typing) input.value = view.value;
  };
  return { ...made, show, flush: () => pending() && flush(), edited: later };
};

const text = (key, send) => typed(key, send, { dir: "auto" });

// The arrow keys and two small buttons count; whatever else is typed is judged by the kernel.
const integer = (key, send) => {
  let range = { minimum: 0, maximum: 0 };
  const count = (by) => {
    const input = made.input;
    const now = Number.parseInt(input.value || range.value, 10);
    if (input.disabled || Number.isNaN(now)) return;
    input.value = String(Math.min(Math.max(now + by, range.minimum), range.maximum));
    made.edited();
  };
  const step = (sign, by) => h("button", { type: "button", class: "igw-button igw-step", tabindex: "-1",
    "aria-hidden": "true", mousedown: (event) => event.preventDefault(), click: () => count(by) }, sign);
  const keydown = (event) => {
    const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    count(by);
  };
  const made = typed(key, send, { inputmode: "numeric", spellcheck: "false", keydown },
    (input) => h("div", { class: "igw-stepper" }, step("−", -1), input, step("+", 1)));
  const show = (view) => {
    range = view;
    made.show(view);
    for (const button of made.el.querySelectorAll(".igw-step")) button.disabled = view.disabled;
  };
  return { ...made, show };
};

// Options that did not change are left alone: the list may be open.
const choice = (key, send) => {
  let drawn = "";
  const made = labelled(key, "select", { change: () => send(key, made.input.value) });
  const option = (view) => h("option", { value: view.value, disabled: view.disabled, title: view.hint }, view.label);
  const show = (view) => {
    const select = made.input;
    const wanted = JSON.stringify(view.options);
    if (wanted !== drawn) {
      const groups = Map.groupBy?.(view.options, (each) => each.group ?? "") ?? new Map([["", view.options]]);
      select.replaceChildren(...[...groups].flatMap(([label, options]) =>
        label ? h("optgroup", { label }, options.map(option)) : options.map(option)));
      drawn = wanted;
    }
    if (select.value !== view.value) select.value = view.value;
    made.show(view);
  };
  return { ...made, show };
};

const check = (key, send) => {
  const box = h("input", { type: "checkbox", change: () => send(key, box.checked) });
  const words = h("span");
  const made = field(key, h("label", { class: "igw-check" }, box, words), box, fieldLines(box), null);
  const show = (view) => {
    setText(words, view.label);
    box.checked = view.value;
    made.show(view);
  };
  return { ...made, show };
};

const KINDS = { text, integer, choice, check };

function render({ model, el }) {
  initRoot(el, "ig-field-group");
  const parts = new Map();
  const views = new Map();
  const send = (key, value) => model.send({ type: "entry", key, value });

  function show(changes) {
    for (const [key, change] of Object.entries(changes)) {
      const view = { ...views.get(key), ...change };
      views.set(key, view);
      if (!parts.has(key)) {
        parts.set(key, KINDS[view.kind](key, send));
        el.append(parts.get(key).el);
      }
      parts.get(key).show(view);
    }
  }

  const receive = (message) => message.type === "fields" && show(message.fields);
  const flush = () => parts.forEach((part) => part.flush?.());
  follow(model, ["fields"], () => show(model.get("fields")));
  model.on("msg:custom", receive);
  el.addEventListener("ig-flush", flush);
  return () => {
    flush();
    model.off("msg:custom", receive);
  };
}

export default { render };
