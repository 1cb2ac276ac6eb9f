// Shared by all widgets. Data reaches the page as text and attributes, never as markup.
const h = (tag, props, ...children) => {
  const el = document.createElement(tag);
  for (const [key, value] of Object.entries(props ?? {})) {
    if (typeof value === "function") el.addEventListener(key, value);
    else if (value === true) el.setAttribute(key, "");
    else if (value !== false && value != null) el.setAttribute(key, value);
  }
  el.append(...children.flat().filter((child) => child != null && child !== false && child !== ""));
  return el;
};

const icon = (path) => {
  const make = (tag, props) => {
    const el = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(props)) el.setAttribute(key, value);
    return el;
  };
  const svg = make("svg", { viewBox: "0 0 16 16", "aria-hidden": "true", class: "igw-icon" });
  svg.append(make("path", { d: path }));
  return svg;
};

const COPY_ICON = "M6 6h7v7H6zM10 6V3H3v7h3";

// What has the focus around `node`. In marimo a widget is in a shadow tree, of which the document sees only the host.
const focusNear = (node) => node.getRootNode().activeElement ?? document.activeElement;

const randomId = () => `igw-${Math.random().toString(36).slice(2, 10)}`;

// Typing must not trigger the notebook's shortcuts: "a", "b" or "dd" would add and delete cells. Notebook 7 sees a
// key before any element inside it does, and asks the focused element first whether shortcuts apply: so mark it.
const suppressShortcuts = ({ target }) => target.setAttribute("data-lm-suppress-shortcuts", "true");

// The element itself, or what stands for it since it was drawn anew below `root`: that has the same key, and what it is
// about (`of`) is the same.
const nowOf = (element, root) => {
  if (element.isConnected) return element;
  const { key, of } = element.dataset;
  const now = key && root.querySelector(`[data-key="${CSS.escape(key)}"]:not(:disabled)`);
  return now && now.dataset.of === of ? now : null;
};

// Draws the children of an element only where what they show has changed: somebody may be pressing one, and what is read
// out when it appears would be read out again.
const redrawer = () => {
  const drawn = new Map(); // element -> what it shows
  return (element, data, make) => {
    const text = JSON.stringify(data);
    if (drawn.get(element) === text) return;
    drawn.set(element, text);
    element.replaceChildren(...make());
  };
};

// Leaving a field by pressing a button sends what was typed, and the answer can push the button from under the pointer,
// or draw it anew: the browser then finds no click between press and release. There was one if the pointer stood still.
const keepPress = (down) => {
  const pressed = down.target.closest("button, label, a, [role=option]");
  const root = down.currentTarget;
  const release = (up) => {
    const still = Math.hypot(up.clientX - down.clientX, up.clientY - down.clientY) < 5;
    const { ctrlKey, metaKey, shiftKey } = up;
    const click = () => nowOf(pressed, root)?.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true,
      composed: true, ctrlKey, metaKey, shiftKey }));
    // Later, since the browser closes what is open above the page when it is done with the release.
    if (still && !up.composedPath().includes(pressed)) setTimeout(click);
  };
  if (pressed && !down.button) addEventListener("pointerup", release, { capture: true, once: true });
};

const initRoot = (el, name) => {
  // MathJax would make a formula of two amounts in dollars.
  el.classList.add("igw", name, "tex2jax_ignore", "mathjax_ignore");
  el.addEventListener("pointerdown", keepPress);
  el.addEventListener("focusin", suppressShortcuts);
  el.addEventListener("keydown", (event) => event.stopPropagation());
};

// What is announced when it changes must not be written again when it does not.
const setText = (el, text) => {
  if (el.textContent !== text) el.textContent = text;
};

const LINES = ["problem", "note", "hint", "help"];

// The lines below a control: what is wrong stands next to it, then what is used instead, why something is not possible,
// and what it is for. They are read out in that order too.
// The control is described by them, and marked as invalid while there is a problem. What would mend it are buttons there:
// `apply(value)` enters what one of them stands for, and takes the focus, since the button then goes away.
const fieldLines = (input, apply) => {
  const id = randomId();
  const lines = LINES.map((kind) => h("p", { id: `${id}-${kind}`, class: `igw-${kind}`, hidden: true,
    "aria-live": (kind === "problem" || kind === "note") && "polite" }));
  const fixes = h("div", { class: "igw-fixes", hidden: true });
  let offered = "[]";
  const offer = (wanted) => {
    if (JSON.stringify(wanted) === offered) return;
    offered = JSON.stringify(wanted);
    fixes.hidden = !wanted.length;
    fixes.replaceChildren(...wanted.map(({ label, value }) => actionButton("", null, label, () => apply(value))));
  };
  const show = (texts) => {
    offer(texts.fixes ?? []);
    // What is wrong is announced once, and not again with each key that changes its wording.
    const problem = lines[LINES.indexOf("problem")];
    problem.setAttribute("aria-live", texts.problem && problem.textContent ? "off" : "polite");
    for (const [index, kind] of LINES.entries()) {
      setText(lines[index], texts[kind] ?? "");
      lines[index].hidden = !texts[kind];
    }
    input.setAttribute("aria-describedby", lines.filter((line) => !line.hidden).map((line) => line.id).join(" "));
    input.setAttribute("aria-invalid", String(Boolean(texts.problem)));
  };
  return { el: h("div", { class: "igw-lines" }, lines.slice(0, 2), fixes, lines.slice(2)), show };
};

// A button that is off keeps the focus: one that is disabled would drop it onto the page.
const isOff = (button) => button.getAttribute("aria-disabled") === "true";
const switchOff = (button, off) => button.setAttribute("aria-disabled", String(off));
const actionButton = (classes, path, label, click) =>
  h("button", { type: "button", class: `igw-button ${classes}`, click }, path && icon(path), label);

// What is typed in the form around `el` and not sent yet, is sent now.
const flushForm = (el) => {
  for (const part of (el.closest(".ig-form") ?? el).querySelectorAll(".igw")) part.dispatchEvent(new CustomEvent("ig-flush"));
};

// Calls `update` now and whenever one of the traits changes.
const follow = (model, names, update) => {
  for (const name of names) model.on(`change:${name}`, update);
  update();
};

// The index an arrow key leads to in a list that wraps, or -1 for any other key.
const arrowTarget = (key, current, count) => {
  if (key === "ArrowDown") return (current + 1) % count;
  if (key === "ArrowUp") return (current - 1 + count) % count;
  return key === "Home" ? 0 : key === "End" ? count - 1 : -1;
};

// A popover is in the top layer, where no output area clips it, and has to be positioned by script.
const placePopover = (popover, anchor, maxWidth, maxHeight) => {
  const box = anchor.getBoundingClientRect();
  const below = innerHeight - box.bottom - 12;
  const above = box.top - 12;
  const upwards = below < Math.min(maxHeight, 220) && above > below;
  const width = Math.min(maxWidth, innerWidth - 16);
  Object.assign(popover.style, {
    width: `${width}px`,
    left: `${Math.max(8, Math.min(box.right - width, innerWidth - width - 8))}px`,
    top: upwards ? "auto" : `${box.bottom + 4}px`,
    bottom: upwards ? `${innerHeight - box.top + 4}px` : "auto",
    maxHeight: `${Math.min(maxHeight, upwards ? above : below)}px`,
  });
};

// Calls `send` after a pause in typing, or at once on `flush`.
const debounce = (pause, send) => {
  let timer = 0;
  const cancel = () => {
    clearTimeout(timer);
    timer = 0;
  };
  const flush = () => {
    cancel();
    send();
  };
  const later = () => {
    cancel();
    timer = setTimeout(flush, pause);
  };
  return { later, flush, cancel, pending: () => timer !== 0 };
};
