function render({ model, el }) {
  own(el, "ig-gallery");
  const previews = new Map(); // index -> { url, finished }
  const thumbs = shelf();
  let first = null; // the image chosen to compare another one with
  let wish = ""; // where the focus goes once the next view is drawn

  const head = h("div", { class: "igw-head" });
  const notes = h("ul", { class: "igw-notes" });
  const status = h("p", { role: "status", class: "igw-status" });
  const bar = h("div", { class: "igw-bar" });
  const grid = h("ul", { class: "igw-grid", role: "list" });
  const { menu, open: openMenu } = menus();
  const ask = talk(model, heard, (text) => tell(text));
  const request = (type, more) => ask(type, more).then(([told]) => tell(told.text ?? ""), (e) => tell(e.message));
  const { load, clear } = loader(ask);
  const thumb = (item) => thumbs.of(item.id);
  const at = (id) => grid.querySelector(`[data-key="open ${id}"]`);
  const busy = () => light.dialog.open || both.dialog.open;
  const closed = (id) => at(id)?.focus();
  const light = lightbox({ load, thumb, copy, download, closed });
  const both = comparison({ load, thumb, closed });
  el.append(head, notes, bar, status, grid, menu, light.dialog, both.dialog);

  // Python sends small pictures along with a new run; a page that was opened later asks for them.
  function pictures({ ids }, buffers) {
    ids.forEach((id, index) => {
      thumbs.put(id, buffers[index]);
      at(id)?.querySelector("img")?.setAttribute("src", thumbs.of(id));
    });
  }

  function look(items) {
    if (!busy()) thumbs.keep(new Set([...items.map((item) => item.id), first?.id]));
    const ids = items.filter((item) => !item.missing && !thumbs.has(item.id)).map((item) => item.id);
    if (ids.length) ask("thumbs", { ids }).then(([told, buffers]) => pictures(told, buffers), (error) => tell(error.message));
  }

  function tell(text, place = status) {
    place.textContent = text;
  }

  async function copy(text, place) {
    tell((await copyText(text, place?.closest("dialog") ?? el)) ? `Copied ${text}` : `Copying is not allowed here: ${text}`, place);
  }

  function download(item, place) {
    load(item.id).then((file) => {
      save(file.url, file.name);
      tell(`Downloaded ${file.name}`, place);
    }, (error) => tell(error.message, place));
  }

  function downloadAll() {
    ask("zip").then(([told, buffers]) => {
      const url = URL.createObjectURL(new Blob(buffers, { type: "application/zip" }));
      save(url, told.name);
      setTimeout(() => URL.revokeObjectURL(url), 10000);
      tell(told.text);
    }, (error) => tell(error.message));
  }

  function compare(item) {
    if (!first) first = item;
    else if (first.id !== item.id) {
      both.open([first, item]);
      first = null;
    } else first = null;
    draw();
  }

  function remove(item) {
    wish = "undo";
    if (first?.id === item.id) first = null;
    request("remove", { id: item.id });
  }

  const entries = (item) => [
    item.path && ["Copy path", () => copy(item.path)],
    item.file && ["Copy file path", () => copy(item.file)],
    model.get("view").usable && ["Use these settings", () => request("use", { id: item.id })],
    !item.missing && [first ? `Compare with ${first.name}` : "Compare…", () => compare(item)],
    ["Remove", () => remove(item)],
  ];

  function card(item, index, items) {
    const picture = item.missing ? h("span", { class: "igw-gone" }, "Image stored elsewhere")
      : h("img", { src: thumb(item) || null, alt: item.alt, contextmenu: (event) => event.stopPropagation() });
    const open = h("button", { type: "button", class: "igw-open", "data-key": `open ${item.id}`,
      click: () => (first && first.id !== item.id && !item.missing ? compare(item) : light.open(items, index)) }, picture);
    const more = action(`More for ${item.name}`, ICONS.more, () => openMenu(more, `More for ${item.name}`, entries(item)),
      { "data-key": `more ${item.id}`, "aria-haspopup": "menu", "aria-expanded": "false" });
    return h("li", { class: first?.id === item.id ? "igw-card igw-first" : "igw-card" }, open,
      h("div", { class: "igw-name" }, h("b", { title: item.name }, item.name)),
      h("div", { class: "igw-facts" }, item.facts.join(" · "), item.cost && ` · ${item.cost}`),
      h("div", { class: "igw-does" },
        item.path && h("button", { type: "button", class: "igw-button igw-path", title: `Copy ${item.path}`,
          "aria-label": `Copy path ${item.path}`, "data-key": `path ${item.id}`, click: () => copy(item.path) },
        icon(ICONS.copy), h("code", null, item.path.replace(/[^{]+(?=assets)/, "…"))),
        !item.missing && action(`Download ${item.name}`, ICONS.download, () => download(item),
          { "data-key": `get ${item.id}` }), more));
  }

  function heading(view) {
    const flip = (by) => () => { wish = `flip ${by}`; request("flip", { by }); };
    const whole = view.items.some((item) => !item.missing);
    head.replaceChildren(h("div", { class: "igw-title" }, view.title && h("b", null, view.title),
      view.badge && h("span", { class: "igw-badge" }, view.badge), h("span", null, view.facts.join(" · "))),
    h("div", { class: "igw-tools" },
      view.total > 1 && [
        action("Previous run", ICONS.previous, flip(-1), { "data-key": "flip -1", disabled: view.position === 0 }),
        h("span", { class: "igw-where" }, `Run ${view.position + 1} of ${view.total}`),
        action("Next run", ICONS.next, flip(1), { "data-key": "flip 1", disabled: view.position + 1 === view.total })],
      whole && h("button", { type: "button", class: "igw-button", "data-key": "zip", click: downloadAll },
        icon(ICONS.download), "Download all")));
  }

  function bars(view) {
    const button = (text, key, click) => h("button", { type: "button", class: "igw-button", "data-key": key, click }, text);
    bar.replaceChildren(...[
      view.undo && h("p", null, `${view.undo} is out of this view; its file stays in the store. `,
        button("Undo", "undo", () => { wish = "undo"; request("undo"); })),
      first && h("p", null, `Choose an image to compare with ${first.name}. `,
        button("Cancel", "cancel", () => { first = null; draw(); })),
    ].filter(Boolean));
  }

  function draw() {
    const view = model.get("view");
    const focused = el.contains(document.activeElement) && document.activeElement.dataset.key;
    const items = view.items.map((item) => ({ ...item, run: view.run }));
    if (!view.running) {
      previews.forEach((preview) => URL.revokeObjectURL(preview.url));
      previews.clear();
    }
    heading(view);
    bars(view);
    notes.replaceChildren(...view.notes.map((note) => h("li", null, icon(ICONS.note), h("span", null, note))));
    grid.replaceChildren(...items.map(card), ...Array.from({ length: view.pending }, (_, index) => unfinished(index, previews.get(index))));
    if (!grid.children.length) grid.append(h("li", { class: "igw-empty" }, view.empty));
    look(items);
    const key = wish || focused;
    if (!key || busy()) return;
    const to = el.querySelector(`[data-key="${key}"]:not(:disabled)`) ?? (wish && el.querySelector("[data-key]:not(:disabled)"));
    to?.focus();
  }

  function drawNew() {
    tell("");
    draw();
    wish = "";
  }

  function heard(told, buffers) {
    if (told.type === "preview") {
      const before = previews.get(told.index);
      if (before) URL.revokeObjectURL(before.url);
      previews.set(told.index, { url: picture(buffers[0]), finished: told.finished });
      grid.querySelectorAll(".igw-pending")[told.index]?.replaceWith(unfinished(told.index, previews.get(told.index)));
    } else if (told.type === "thumbs") pictures(told, buffers);
  }

  el.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !first || event.target.closest("dialog")) return;
    first = null;
    draw();
  });
  model.on("change:view", drawNew);
  draw();
  return () => {
    clear();
    thumbs.keep(new Set());
    previews.forEach((preview) => URL.revokeObjectURL(preview.url));
  };
}

export default { render };
