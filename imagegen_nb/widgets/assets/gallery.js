function render({ model, el }) {
  initRoot(el, "ig-gallery");
  const previews = new Map(); // index -> { url, finished }
  const thumbnails = thumbnailCache();
  let first = null; // the image that another one is to be compared with
  let nextFocus = ""; // key of the element that gets the focus once the next view is drawn

  const head = h("div", { class: "igw-head" });
  const notes = h("ul", { class: "igw-notes" });
  const status = h("p", { role: "status", class: "igw-status" });
  const bar = h("div", { class: "igw-bar" });
  const grid = h("ul", { class: "igw-grid", role: "list" });
  const { menu, open: openMenu } = popupMenu();
  const ask = requester(model, receive, (text) => showStatus(text));
  const request = (type, more) => ask(type, more).then(([answer]) => showStatus(answer.text ?? ""), showError);
  const { load, clear } = fullSizeLoader(ask);
  const showError = (error) => showStatus(error.message);
  const thumbnail = (item) => thumbnails.url(item.id);
  const opener = (id) => grid.querySelector(`[data-key="open ${id}"]`);
  const dialogOpen = () => viewer.dialog.open || comparer.dialog.open;
  const onClose = (id) => opener(id)?.focus();
  const viewer = lightbox({ load, thumbnail, copy, download, onClose });
  const comparer = comparison({ load, thumbnail, onClose });
  el.append(head, notes, bar, status, grid, menu, viewer.dialog, comparer.dialog);

  // Python sends thumbnails along with a new run; a page that was opened later asks for them.
  function receiveThumbnails({ ids }, buffers) {
    ids.forEach((id, index) => {
      thumbnails.put(id, buffers[index]);
      opener(id)?.querySelector("img")?.setAttribute("src", thumbnails.url(id));
    });
  }

  function clearPreviews() {
    previews.forEach((preview) => URL.revokeObjectURL(preview.url));
    previews.clear();
  }

  function requestThumbnails(items) {
    if (!dialogOpen()) thumbnails.keepOnly(new Set([...items.map((item) => item.id), first?.id]));
    const ids = items.filter((item) => !item.missing && !thumbnails.has(item.id)).map((item) => item.id);
    if (ids.length) ask("thumbnails", { ids }).then((answer) => receiveThumbnails(...answer), showError);
  }

  function showStatus(text, place = status) {
    place.textContent = text;
  }

  async function copy(text, place) {
    showStatus(await copyWithStatus(text, place?.closest("dialog") ?? el), place);
  }

  function download(item, place) {
    load(item.id).then((file) => {
      saveAs(file.url, file.name);
      showStatus(`Downloaded ${file.name}`, place);
    }, (error) => showStatus(error.message, place));
  }

  function downloadAll() {
    ask("zip").then(([answer, buffers]) => {
      saveBytes(buffers, "application/zip", answer.name);
      showStatus(answer.text);
    }, showError);
  }

  function compare(item) {
    if (!first) first = item;
    else if (first.id !== item.id) {
      comparer.open([first, item]);
      first = null;
    } else first = null;
    draw();
  }

  function remove(item) {
    nextFocus = "undo";
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
    const picture = item.missing ? h("span", { class: "igw-missing-image" }, "Image stored elsewhere")
      : h("img", { src: thumbnail(item) || null, alt: item.alt, contextmenu: (event) => event.stopPropagation() });
    const open = h("button", { type: "button", class: "igw-open", "data-key": `open ${item.id}`,
      click: () => (first && first.id !== item.id && !item.missing ? compare(item) : viewer.open(items, index)) }, picture);
    const more = iconButton(`More for ${item.name}`, ICONS.more, () => openMenu(more, `More for ${item.name}`, entries(item)),
      { "data-key": `more ${item.id}`, "aria-haspopup": "menu", "aria-expanded": "false" });
    return h("li", { class: first?.id === item.id ? "igw-card igw-first" : "igw-card" }, open,
      h("div", { class: "igw-name" }, h("b", { title: item.name }, item.name)),
      h("div", { class: "igw-facts" }, item.facts.join(" · ")),
      h("div", { class: "igw-card-actions" },
        item.path && h("button", { type: "button", class: "igw-button igw-path", title: `Copy ${item.path}`,
          "aria-label": `Copy path ${item.path}`, "data-key": `path ${item.id}`, click: () => copy(item.path) },
        icon(ICONS.copy), h("code", null, item.path.replace(/[^{]+(?=assets)/, "…"))),
        !item.missing && iconButton(`Download ${item.name}`, ICONS.download, () => download(item),
          { "data-key": `get ${item.id}` }), more));
  }

  function heading(view) {
    const flip = (by) => () => { nextFocus = `flip ${by}`; request("flip", { by }); };
    const downloadable = view.items.some((item) => !item.missing);
    head.replaceChildren(h("div", { class: "igw-title" }, view.title && h("b", null, view.title),
      view.badge && h("span", { class: "igw-badge" }, view.badge), h("span", null, view.facts.join(" · "))),
    h("div", { class: "igw-tools" },
      view.total > 1 && [
        iconButton("Previous run", ICONS.previous, flip(-1), { "data-key": "flip -1", disabled: view.position === 0 }),
        h("span", { class: "igw-where" }, `Run ${view.position + 1} of ${view.total}`),
        iconButton("Next run", ICONS.next, flip(1), { "data-key": "flip 1", disabled: view.position + 1 === view.total })],
      downloadable && textButton("zip", downloadAll, icon(ICONS.download), "Download all")));
  }

  function bars(view) {
    bar.replaceChildren(...[
      view.undo && h("p", null, `${view.undo} is out of this view; its file stays in the store. `,
        textButton("undo", () => { nextFocus = "undo"; request("undo"); }, "Undo")),
      first && h("p", null, `Choose an image to compare with ${first.name}. `,
        textButton("cancel", () => { first = null; draw(); }, "Cancel")),
    ].filter(Boolean));
  }

  function draw() {
    const view = model.get("view");
    const focused = el.contains(document.activeElement) && document.activeElement.dataset.key;
    const items = view.items.map((item) => ({ ...item, run: view.run }));
    if (!view.running) clearPreviews();
    heading(view);
    bars(view);
    notes.replaceChildren(...view.notes.map((note) => h("li", null, icon(ICONS.note), h("span", null, note))));
    grid.replaceChildren(...items.map(card), ...Array.from({ length: view.pending }, (_, index) => pendingTile(index, previews.get(index))));
    if (!grid.children.length) grid.append(h("li", { class: "igw-empty" }, view.empty));
    requestThumbnails(items);
    const key = nextFocus || focused;
    if (!key || dialogOpen()) return;
    const target = el.querySelector(`[data-key="${key}"]:not(:disabled)`) ?? (nextFocus && el.querySelector("[data-key]:not(:disabled)"));
    target?.focus();
  }

  function drawNew() {
    showStatus("");
    draw();
    nextFocus = "";
  }

  function receive(message, buffers) {
    if (message.type === "preview") {
      URL.revokeObjectURL(previews.get(message.index)?.url);
      previews.set(message.index, { url: thumbnailUrl(buffers[0]), finished: message.finished });
      grid.querySelectorAll(".igw-pending")[message.index]?.replaceWith(pendingTile(message.index, previews.get(message.index)));
    } else if (message.type === "thumbnails") receiveThumbnails(message, buffers);
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
    thumbnails.keepOnly(new Set());
    clearPreviews();
  };
}

export default { render };
