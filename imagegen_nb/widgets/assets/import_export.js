const TYPING_PAUSE = 250; // ms without a key before the file's name is sent
const PART = 4_000_000; // bytes of a file in one message
const EXPORT_ICON = "M8 2.500v8M4.500 7.500 8 11l3.500-3.500M3 13.500h10";
const IMPORT_ICON = "M8 10.500v-8M4.500 5.500 8 2l3.500 3.500M3 13.500h10";
const CODE_ICON = "m5.500 4.500-3.500 3.500 3.500 3.500M10.500 4.500 14 8l-3.500 3.500";

function render({ model, el }) {
  initRoot(el, "ig-import-export");
  const id = randomId();
  const { later, flush, pending } = debounce(TYPING_PAUSE, () => paths.send({ key: "path", value: path.value }));
  const [paths, ticks] = [entrySender(model, () => showView()), entrySender(model, () => showView())];
  // An area, since a line would cut what is long; a name has no line ends.
  const path = h("textarea", { id, rows: 1, class: "igw-input", dir: "auto", autocomplete: "off", spellcheck: "false",
    input: () => {
      if (/[\r\n]/.test(path.value)) path.value = path.value.replace(/\s*[\r\n]+\s*/g, " ").trim();
      fit();
      forgetRefusal();
      later();
    },
    keydown: (event) => event.key === "Enter" && !event.ctrlKey && !event.metaKey && event.preventDefault(),
    blur: () => pending() && flush() });
  const output = h("input", { type: "checkbox", change: () => ticks.send({ key: "with_output", value: output.checked }) });
  const names = h("span");
  const file = h("input", { type: "file", hidden: true, accept: ".json,.png,.jpg,.jpeg,.webp", change: read });
  const status = h("span", { role: "status", class: "ig-copied" });
  const text = h("div", { class: "igw-told-text" });
  const actions = h("div", { class: "ig-actions" });
  const code = h("pre", { class: "ig-code", tabindex: "0", "aria-label": "The step as Python" });
  const link = h("a", { class: "ig-download" });
  const promise = h("p", { id: `${id}-promise`, class: "ig-promise", role: "status" });
  const message = h("div", { class: "ig-import-export-message", role: "status" }, text, link);
  const save = actionButton("ig-export", EXPORT_ICON, "Export the step", () => {
    flushForm(el);
    model.send({ type: "export" });
  });
  save.title = "Writes a step file with what is in the form now";
  // It has nothing to do with the name that stands beside it.
  const choose = actionButton("", IMPORT_ICON, "Import a file…", () => file.click());
  choose.title = "Choose a step file on your computer, or an image that has its step in it";
  el.append(
    h("div", { class: "ig-path igw-field" }, h("label", { for: id, class: "igw-label" }, "Export to"), path),
    h("label", { class: "ig-with-output igw-check" }, output, names),
    h("div", { class: "ig-buttons" }, save,
      h("span", { class: "ig-import" }, choose, file),
      h("span", { class: "ig-python" }, actionButton("", CODE_ICON, "Copy as Python", () => {
        flushForm(el);
        model.send({ type: "press" });
      }), status)),
    promise, message, actions, code);
  save.setAttribute("aria-describedby", promise.id);

  // What browsers with `field-sizing` do by themselves.
  function fit() {
    if (CSS.supports("field-sizing", "content")) return;
    path.style.height = "auto";
    if (path.scrollHeight) path.style.height = `${path.scrollHeight + 2}px`;
  }

  async function read() {
    const [chosen] = file.files;
    file.value = ""; // so that choosing the same file again is a change
    if (!chosen) return;
    flushForm(el); // what was typed is there for the undo
    const { largest, largest_image: image } = model.get("view");
    const { name, size } = chosen;
    if (size > (chosen.type.startsWith("image/") ? image : largest)) return model.send({ type: "file", name });
    // In parts: a server closes the connection of whoever sends too much at once.
    for (let start = 0; start === 0 || start < size; start += PART) {
      model.send({ type: "part", name, start, size }, undefined, [await chosen.slice(start, start + PART).arrayBuffer()]);
    }
  }

  async function receive(content) {
    if (content.type !== "text") return;
    if (content.text === null) status.textContent = "";
    else status.textContent = (await copyText(content.text, el)) ? "Copied" : "Copying is not allowed here";
  }

  function showView() {
    const view = model.get("view");
    if (!pending() && !paths.waits() && path.value !== view.path) path.value = view.path;
    path.placeholder = view.default;
    fit();
    if (!ticks.waits()) output.checked = view.with_output;
    setText(names, view.output_label);
    setText(promise, view.promise);
  }

  // What is offered is for the name that stood here; Python takes it away too, perhaps after a busy moment.
  function forgetRefusal() {
    const { failed, actions: offered } = model.get("told");
    if (failed && offered.length) message.hidden = actions.hidden = true;
  }

  function showTold() {
    const told = model.get("told");
    message.setAttribute("role", told.failed ? "alert" : told.folded ? "note" : "status"); // what is over is not announced
    message.classList.toggle("igw-folded", told.folded);
    message.classList.toggle("igw-problem", told.failed && !told.actions.length);
    message.hidden = !told.text;
    text.replaceChildren(...told.text.split("\n").map((line) => h("p", { dir: "auto" }, line)));
    link.hidden = !told.download.data;
    if (told.download.data) {
      link.download = told.download.name;
      setText(link, `Download ${told.download.name}`);
      link.href = `data:application/json;base64,${told.download.data}`;
    }
    const focused = actions.contains(focusNear(actions));
    actions.replaceChildren(...told.actions.map((label) =>
      actionButton("", "", label, () => model.send({ type: "action", label }))));
    actions.hidden = !told.actions.length;
    if (focused) (actions.querySelector("button") ?? save).focus({ preventScroll: true });
    setText(code, told.code);
    code.hidden = !told.code;
    if (!told.code) status.textContent = "";
  }

  follow(model, ["view"], showView);
  follow(model, ["told"], showTold);
  model.on("msg:custom", receive);
  const onFlush = () => pending() && flush();
  el.addEventListener("ig-flush", onFlush);
  return () => {
    paths.stop();
    ticks.stop();
    model.off("msg:custom", receive);
  };
}

export default { render };
