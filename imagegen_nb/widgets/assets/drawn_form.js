// Draws a form where only anywidgets are drawn: its boxes, tabs and plain controls, from their models.
const TYPING_PAUSE = 300; // ms without a key before the text is sent

function render({ model, el, draw: drawAnywidget }) {
  el.classList.add("igw", "ig-plain-controls");
  const cleanups = [];

  const send = (child, name, value) => {
    child.set(name, value);
    child.save_changes();
  };

  // Calls `update` now and when one of the traits changes.
  const follow = (child, names, update) => {
    for (const name of names) child.on(`change:${name}`, update);
    update();
  };

  // marimo refers to a model by text, Jupyter's managers have made a model of it; its methods are no own properties.
  const modelOf = async (reference) => {
    const name = typeof reference === "string" && reference.replace(/^(IPY_MODEL_|anywidget:)/, "");
    const child = name ? await model.widget_manager.get_model(name) : reference;
    const methods = ["get", "set", "save_changes", "on", "off", "send"];
    const own = Object.fromEntries(methods.map((method) => [method, (...given) => child[method](...given)]));
    return { ...own, widget_manager: child.widget_manager };
  };

  // What a control is labelled with, beside it.
  function labelled(child, control) {
    const label = h("label", { class: "widget-label" });
    follow(child, ["description"], () => {
      label.textContent = child.get("description");
      label.hidden = !label.textContent;
    });
    control.id = randomId();
    label.htmlFor = control.id;
    follow(child, ["disabled"], () => { control.disabled = child.get("disabled"); });
    return [label, control];
  }

  // The nodes of children that stay are kept, so that nothing is rebuilt under somebody's hands.
  function children(child, place) {
    const drawn = new Map(); // reference -> element
    follow(child, ["children"], () => {
      const references = child.get("children");
      for (const [reference, node] of drawn) {
        if (references.includes(reference)) continue;
        node.remove();
        drawn.delete(reference);
      }
      references.forEach((reference, index) => {
        if (!drawn.has(reference)) drawn.set(reference, view(reference));
        place(drawn.get(reference), index);
      });
    });
  }

  const insertAt = (parent) => (node, index) => {
    if (parent.children[index] !== node) parent.insertBefore(node, parent.children[index] ?? null);
  };

  function tabs(child, node) {
    const id = randomId();
    const list = h("div", { role: "tablist", "aria-label": "The step", class: "ig-tabs" });
    const panels = h("div", { class: "widget-tab-contents" });
    const panel = (number) => {
      if (!panels.children[number]) {
        panels.append(h("div", { role: "tabpanel", id: `${id}-p${number}`, "aria-labelledby": `${id}-t${number}` }));
        list.append(h("button", { type: "button", role: "tab", id: `${id}-t${number}`, "aria-controls": `${id}-p${number}`,
          click: () => send(child, "selected_index", number), keydown: (event) => {
            const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
            if (!step) return;
            const count = list.children.length;
            list.children[(number + step + count) % count].focus();
            send(child, "selected_index", (number + step + count) % count);
          } }));
      }
      return panels.children[number];
    };
    const show = () => [...list.children].forEach((tab, number) => {
      const selected = number === (child.get("selected_index") ?? 0);
      tab.textContent = child.get("titles")[number] ?? "";
      tab.setAttribute("aria-selected", String(selected));
      tab.tabIndex = selected ? 0 : -1;
      panels.children[number].hidden = !selected;
    });
    children(child, (node, number) => insertAt(panel(number))(node, 0));
    follow(child, ["selected_index", "titles"], show);
    node.append(list, panels);
  }

  // The text is markup made by the kernel's own code, which escapes what is not its own. No script of it runs.
  function html(child, node) {
    follow(child, ["value"], () => {
      node.replaceChildren(...new DOMParser().parseFromString(child.get("value"), "text/html").body.childNodes);
    });
  }

  function button(child) {
    const node = h("button", { type: "button", class: "igw-button jupyter-button", click: () => child.send({ event: "click" }) });
    follow(child, ["description", "disabled", "tooltip", "button_style"], () => {
      node.textContent = child.get("description");
      node.disabled = child.get("disabled");
      node.title = child.get("tooltip") ?? "";
      node.classList.toggle("mod-primary", child.get("button_style") === "primary");
    });
    return node;
  }

  function text(child, node, type = "text", read = (input) => input.value) {
    const { later, flush, pending } = debounce(TYPING_PAUSE, () => send(child, "value", read(input)));
    const input = h("input", { type, input: later, change: flush });
    follow(child, ["value", "placeholder", "min", "max"], () => {
      for (const name of ["placeholder", "min", "max"]) input[name] = child.get(name) ?? "";
      if (!pending() && String(child.get("value")) !== input.value) input.value = child.get("value");
    });
    node.append(...labelled(child, input));
  }

  function dropdown(child, node) {
    const select = h("select", { change: () => send(child, "index", select.selectedIndex) });
    follow(child, ["_options_labels", "index"], () => {
      select.replaceChildren(...child.get("_options_labels").map((label) => h("option", null, label)));
      select.selectedIndex = child.get("index") ?? -1;
    });
    node.append(...labelled(child, select));
  }

  function checkbox(child, node) {
    const box = h("input", { type: "checkbox", change: () => send(child, "value", box.checked) });
    follow(child, ["value"], () => { box.checked = child.get("value"); });
    node.append(...labelled(child, box).reverse());
  }

  function progress(child, node) {
    const bar = h("progress", { "aria-label": "Progress" });
    follow(child, ["value", "max"], () => Object.assign(bar, { max: child.get("max"), value: child.get("value") }));
    node.append(bar);
  }

  const KINDS = {
    BoundedIntTextModel: (child, node) => text(child, node, "number", (input) => Number(input.value)),
    ButtonModel: button,
    CheckboxModel: checkbox,
    DropdownModel: dropdown,
    HTMLModel: html,
    IntProgressModel: progress,
    TabModel: tabs,
    TextModel: text,
  };

  function view(reference) {
    const place = h("div");
    modelOf(reference).then((child) => {
      const kind = child.get("_model_name");
      let node = place;
      place.classList.add(`widget-${kind.replace(/Model$/, "").toLowerCase()}`);
      if (kind === "AnyModel") cleanups.push(drawAnywidget({ model: child, el: place }));
      else if (KINDS[kind]) node = KINDS[kind](child, place) ?? place;
      else children(child, insertAt(place));
      if (node !== place) place.append(node);
      let classes = [];
      follow(child, ["_dom_classes"], () => {
        node.classList.remove(...classes);
        node.classList.add(...(classes = child.get("_dom_classes")));
      });
    });
    return place;
  }

  el.append(view(model.get("root")));
  return () => cleanups.forEach((cleanup) => cleanup());
}

export default { render };
