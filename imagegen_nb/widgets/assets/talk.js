// Questions to Python and their answers; several views of one gallery hear the answers of all.
const PATIENCE = 4000; // ms after which it is said that the kernel has not answered
const KEPT = 12; // full-size files kept at hand

const talk = (model, heard, tell) => {
  const me = unique();
  const waiting = new Map();
  let asked = 0;
  model.on("msg:custom", (told, buffers) => {
    const answer = waiting.get(told.request);
    waiting.delete(told.request);
    (answer ?? heard)(told, buffers);
  });
  return (type, more) => new Promise((resolve, reject) => {
    const request = `${me}-${(asked += 1)}`;
    const late = setTimeout(() => tell("Waiting for the kernel: it is busy, or gone."), PATIENCE);
    waiting.set(request, (told, buffers) => {
      clearTimeout(late);
      if (told.type === "refused") reject(new Error(told.reason));
      else resolve([told, buffers]);
    });
    model.send({ type, request, ...more });
  });
};

// Full-size bytes are asked for when they are looked at.
const loader = (ask) => {
  const kept = new Map();
  const drop = (id) => {
    kept.get(id)?.then((file) => URL.revokeObjectURL(file.url), () => {});
    kept.delete(id);
  };
  const load = (id) => {
    const coming = kept.get(id) ?? ask("full", { id }).then(([told, buffers]) => {
      const blob = new Blob(buffers, { type: told.media });
      return { url: URL.createObjectURL(blob), name: told.name };
    });
    kept.delete(id);
    kept.set(id, coming); // now the youngest
    coming.catch(() => kept.delete(id));
    if (kept.size > KEPT) drop(kept.keys().next().value);
    return coming;
  };
  return { load, clear: () => [...kept.keys()].forEach(drop) };
};

const picture = (bytes) => URL.createObjectURL(new Blob([bytes], { type: "image/webp" }));

// The small pictures at hand, by image id.
const shelf = () => {
  const urls = new Map();
  const drop = (id) => {
    URL.revokeObjectURL(urls.get(id));
    urls.delete(id);
  };
  const put = (id, bytes) => urls.has(id) || urls.set(id, picture(bytes));
  const keep = (ids) => [...urls.keys()].filter((id) => !ids.has(id)).forEach(drop);
  return { put, keep, has: (id) => urls.has(id), of: (id) => urls.get(id) ?? "" };
};

const save = (url, name) => h("a", { href: url, download: name }).click();

// A menu button's menu: arrow keys inside, Esc and Tab leave, the focus goes back to the button.
const menus = () => {
  let button = null;
  const menu = h("div", { popover: "auto", role: "menu", class: "igw-pop igw-menu",
    toggle: (event) => button?.setAttribute("aria-expanded", String(event.newState === "open")),
    keydown: (event) => {
      const entries = [...menu.children];
      const to = step(event.key, entries.indexOf(document.activeElement), entries.length);
      if (event.key === "Tab") menu.hidePopover();
      if (to < 0) return;
      entries[to].focus();
      event.preventDefault();
    } });
  const open = (from, label, entries) => {
    button = from;
    menu.setAttribute("aria-label", label);
    menu.replaceChildren(...entries.filter(Boolean).map(([text, run]) => h("button", { type: "button",
      role: "menuitem", tabindex: "-1", click: () => { menu.hidePopover(); button.focus(); run(); } }, text)));
    menu.showPopover();
    place(menu, button, 220, 260);
    menu.firstChild.focus();
  };
  return { menu, open };
};

