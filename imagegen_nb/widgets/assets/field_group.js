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

const labelled = (key, tag, props, kind, apply) => {
  const id = randomId();
  const input = h(tag, { id, class: "igw-input", ...props });
  const label = h("label", { for: id, class: "igw-label" });
  const made = field(key, label, input, fieldLines(input, apply), kind?.(input));
  const show = (view) => {
    setText(label, view.label);
    made.show(view);
  };
  return { ...made, input, show };
};

// What is typed stays as it is until the field is left: only then it becomes what the kernel made of it.
const typed = (key, send, props, kind) => {
  let known = ""; // the value as the kernel has it
  let dirty = false;
  let left = false; // whether somebody was here
  let last = {}; // the view
  const { later, flush, pending } = debounce(TYPING_PAUSE, () => {
    if (input.value === known) return;
    known = input.value;
    send(key, known);
  });
  const edited = () => {
    dirty = true;
    later();
  };
  const leave = () => {
    if (pending()) flush();
    dirty = false;
    input.value = known;
    left = true;
    judge();
  };
  const judge = () => made.show(last.patient && !left ? { ...last, hint: last.problem || last.hint, problem: "" } : last);
  const made = labelled(key, "input", { type: "text", autocomplete: "off", input: edited, blur: leave, ...props }, kind);
  const input = made.input;
  const show = (view) => {
    last = view;
    judge();
    if (pending()) return;
    known = view.value;
    if (!dirty && input.value !== known) input.value = known;
  };
  return { ...made, show, flush: () => pending() && flush(), edited };
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
  const made = labelled(key, "select", { change: () => send(key, made.input.value) }, null, (value) => {
    made.input.value = value;
    made.input.focus();
    send(key, value);
  });
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
  const waiting = new Map(); // key -> entries that are not answered yet
  const send = (key, value) => {
    views.get(key).value = value;
    waiting.set(key, (waiting.get(key) ?? 0) + 1);
    sendEntry(model, { key, value });
  };

  function show(changes, answers = []) {
    for (const key of answers) if (waiting.get(key)) waiting.set(key, waiting.get(key) - 1);
    for (const [key, change] of Object.entries(changes)) {
      const view = { ...views.get(key), ...change };
      if (waiting.get(key)) view.value = views.get(key).value; // something newer is on its way to the kernel
      views.set(key, view);
      if (!parts.has(key)) {
        parts.set(key, KINDS[view.kind](key, send));
        el.append(parts.get(key).el);
      }
      parts.get(key).show(view);
    }
    // In the page itself, so that Tab goes the same way.
    const places = [...views.keys()].sort((one, other) => views.get(one).place - views.get(other).place);
    places.map((key) => parts.get(key).el).forEach((part, index, all) => {
      if (index && all[index - 1].nextElementSibling !== part) all[index - 1].after(part);
    });
  }

  const receive = (message) => message.type === "fields" && show(message.fields, message.answers);
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
