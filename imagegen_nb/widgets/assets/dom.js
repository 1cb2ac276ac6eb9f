// Shared by the widgets. Data reaches the page as text and attributes, never as markup.
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

const unique = () => `igw-${Math.random().toString(36).slice(2, 10)}`;

// Keys typed here are not for the notebook: "a", "b" or "dd" would add and delete cells. Notebook 7 takes a key
// before anything inside sees it, and its shortcuts ask the focused element before those around it: mark that one.
const quiet = ({ target }) => target.setAttribute("data-lm-suppress-shortcuts", "true");

const own = (el, name) => {
  el.classList.add("igw", name);
  el.addEventListener("focusin", quiet);
  el.addEventListener("keydown", (event) => event.stopPropagation());
};

// The index an arrow key leads to in a list that wraps, or -1 for any other key.
const step = (key, now, count) => {
  if (key === "ArrowDown") return (now + 1) % count;
  if (key === "ArrowUp") return (now - 1 + count) % count;
  return key === "Home" ? 0 : key === "End" ? count - 1 : -1;
};

// A popover is in the top layer, where no output area clips it; it is placed by hand.
const place = (pop, anchor, width, tallest) => {
  const box = anchor.getBoundingClientRect();
  const below = innerHeight - box.bottom - 12;
  const up = below < Math.min(tallest, 220) && box.top - 12 > below;
  const wide = Math.min(width, innerWidth - 16);
  Object.assign(pop.style, {
    width: `${wide}px`,
    left: `${Math.max(8, Math.min(box.right - wide, innerWidth - wide - 8))}px`,
    top: up ? "auto" : `${box.bottom + 4}px`,
    bottom: up ? `${innerHeight - box.top + 4}px` : "auto",
    maxHeight: `${Math.min(tallest, up ? box.top - 12 : below)}px`,
  });
};

// What is typed is sent after a pause, or at once by `flush`.
const typing = (pause, send) => {
  let timer = 0;
  const stop = () => {
    clearTimeout(timer);
    timer = 0;
  };
  const flush = () => {
    stop();
    send();
  };
  const later = () => {
    stop();
    timer = setTimeout(flush, pause);
  };
  return { later, flush, stop, under: () => timer !== 0 };
};

// The clipboard API exists only on https and localhost; notebooks are also served over plain http.
const copyText = async (text, near) => {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const back = document.activeElement;
    const area = h("textarea", { "aria-hidden": "true", style: "position:fixed;opacity:0" });
    area.value = text;
    near.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    back?.focus();
    return done;
  }
};

