// Parts that the gallery and its dialogs are made of.
const ICONS = {
  previous: "M10 3 5 8l5 5", next: "m6 3 5 5-5 5", close: "m4 4 8 8M12 4l-8 8",
  download: "M8 2v8M4.500 7 8 10.500 11.500 7M3 13.500h10", copy: COPY_ICON,
  zoom: "M7 2.500a4.500 4.500 0 1 0 0 9 4.500 4.500 0 0 0 0-9M10.500 10.500 14 14M7 5v4M5 7h4",
  more: "M3.500 8h.010M8 8h.010M12.500 8h.010", note: "M8 2 1.500 13.500h13zM8 6.500V10M8 11.800v.010",
};

const iconButton = (name, path, click, more) => h("button", { type: "button", class: "igw-button igw-bare",
  "aria-label": name, title: name, click, ...more }, icon(path));

// A button with text; `key` is how the gallery finds it again after it was drawn anew.
const textButton = (key, click, ...children) => h("button", { type: "button", class: "igw-button", "data-key": key, click },
  ...children);

// The tile of an image that is still being made.
const pendingTile = (index, preview) => {
  const state = !preview ? "waiting" : preview.finished ? "arrived" : "unfinished";
  return h("li", { class: "igw-card igw-pending" },
    h("div", { class: "igw-open" }, preview && h("img", { src: preview.url, alt: `Image ${index + 1}, ${state}` })),
    h("div", { class: "igw-name" }, h("b", null, `Image ${index + 1}`), h("span", { class: "igw-chip" }, state)));
};

// A menu button's menu: arrow keys move inside, Esc and Tab close it, the focus goes back to the button.
const popupMenu = () => {
  let button = null;
  const menu = h("div", { popover: "auto", role: "menu", class: "igw-pop igw-menu",
    toggle: (event) => button?.setAttribute("aria-expanded", String(event.newState === "open")),
    keydown: (event) => {
      const entries = [...menu.children];
      const target = arrowTarget(event.key, entries.indexOf(document.activeElement), entries.length);
      if (event.key === "Tab") menu.hidePopover();
      if (target < 0) return;
      entries[target].focus();
      event.preventDefault();
    } });
  const open = (from, label, entries) => {
    button = from;
    menu.setAttribute("aria-label", label);
    menu.replaceChildren(...entries.filter(Boolean).map(([text, run]) => h("button", { type: "button",
      role: "menuitem", tabindex: "-1", click: () => { menu.hidePopover(); button.focus(); run(); } }, text)));
    menu.showPopover();
    placePopover(menu, button, 220, 260);
    menu.firstChild.focus();
  };
  return { menu, open };
};

// A click on the backdrop closes. The notebook's own context menu would hide "Save image as…".
const modalDialog = (name, ...children) => {
  const dialog = h("dialog", { class: `igw-dialog ${name}`, contextmenu: (event) => event.stopPropagation(),
    mousedown: (event) => event.target === dialog && dialog.close() }, h("div", null, ...children));
  return dialog;
};


// The card of an image that nothing is known of yet.
const emptyCard = (id) => {
  const name = `Image ${Number(id.slice(id.lastIndexOf(".") + 1)) + 1}`;
  // A button, so that Tab comes here too, and is here still when the image has been loaded.
  return h("li", { class: "igw-card igw-unloaded" },
    h("button", { type: "button", class: "igw-open", "data-key": `open ${id}`, "aria-label": `${name}, loading` }),
    h("div", { class: "igw-name" }, name));
};

const imageCard = (item, { first, url, open, menu, copy, download }) => {
  const picture = item.missing || item.damaged
    ? h("span", { class: "igw-missing-image" }, item.missing ? "Image stored elsewhere" : "The image is damaged")
    : h("img", { src: url || null, alt: item.alt, contextmenu: (event) => event.stopPropagation() });
  const label = `More for ${item.name}`;
  const more = iconButton(label, ICONS.more, () => menu(more, label),
    { "data-key": `more ${item.id}`, "aria-haspopup": "menu", "aria-expanded": "false" });
  return h("li", { class: first ? "igw-card igw-first" : "igw-card" },
    h("button", { type: "button", class: "igw-open", "data-key": `open ${item.id}`, click: open }, picture),
    h("div", { class: "igw-name" }, h("b", { title: item.name }, item.name)),
    h("div", { class: "igw-facts" }, item.facts.join(" · ")),
    h("div", { class: "igw-card-actions" },
      item.path && h("button", { type: "button", class: "igw-button igw-path", title: `Copy ${item.path}`,
        "aria-label": `Copy path ${item.path}`, "data-key": `path ${item.id}`, click: () => copy(item.path) },
      icon(ICONS.copy), h("code", null, item.path.replace(/[^{]+(?=assets)/, "…"))),
      !item.missing && iconButton(`Download ${item.name}`, ICONS.download, () => download(item),
        { "data-key": `get ${item.id}` }), more));
};

// The ids of the images that were not removed.
const shownIds = ({ page, count, removed }) => {
  const gone = new Set(removed);
  return Array.from({ length: count }, (_, index) => index).filter((index) => !gone.has(index))
    .map((index) => `${page}.${index}`);
};

const FEW_RUNS = 9; // of so few runs, the next and the previous one are quick to reach

// With many runs, any of them is reached by its number.
const runNumber = (view, flip) => h("input", { type: "number", class: "igw-run-number", min: 1, max: view.total,
  value: view.position + 1, "aria-label": "Number of the run to show", "data-key": "run number",
  change: ({ target }) => {
    const to = Math.round(target.valueAsNumber) - 1;
    if (to >= 0 && to < view.total) flip({ to }, "run number");
    else target.value = view.position + 1;
  } });

const heading = (view, { flip, downloadAll }) => {
  const step = (name, path, by, last) => iconButton(name, path, () => flip({ by }, `flip ${by}`),
    { "data-key": `flip ${by}`, disabled: view.position === last });
  const where = view.total > FEW_RUNS ? ["Run ", runNumber(view, flip), ` of ${view.total.toLocaleString("en")}`]
    : [`Run ${view.position + 1} of ${view.total}`];
  return [h("div", { class: "igw-title" }, view.title && h("b", null, view.title),
    view.badge && h("span", { class: "igw-badge" }, view.badge), view.mark && h("span", { class: "igw-mark" }, view.mark), h("span", null, view.facts.join(" · "))),
  h("div", { class: "igw-tools" },
    view.total > 1 && [step("Previous run", ICONS.previous, -1, 0), h("span", { class: "igw-where" }, ...where),
      step("Next run", ICONS.next, 1, view.total - 1)],
    downloadAll && textButton("zip", downloadAll, icon(ICONS.download), "Download all"))];
};
