function render({ model, el }) {
  initRoot(el, "ig-gallery");
  const previews = new Map(); // index -> { url, finished }
  let first = null; // the image that another one is to be compared with
  let shown = []; // ids of the images that are not removed
  let page = null; // id of the run that is shown
  let making = ""; // id of the run that is under way
  let scrolled = false;
  let nextFocus = ""; // key of the element that gets the focus once the next view is drawn

  const head = h("div", { class: "igw-head" });
  const notes = h("ul", { class: "igw-notes" });
  const status = h("p", { role: "status", class: "igw-status" });
  const bar = h("div", { class: "igw-bar" });
  const grid = h("ul", { class: "igw-grid", role: "list" });
  const scroller = h("div", { class: "igw-scroller" }, grid);
  const end = h("p", { tabindex: "-1", class: "igw-hidden" }, "End of the images");
  const skip = h("button", { type: "button", class: "igw-button igw-skip", click: () => end.focus() }, "Skip the images");
  const { menu, open: openMenu } = popupMenu();
  const ask = requester(model, receive, (text) => showStatus(text));
  const request = (type, more) => ask(type, more).then(([answer]) => {
    showStatus(answer.text ?? "");
    if (answer.focus === "settings") focusSettings(el);
  }, showError);
  const { load, clear } = fullSizeLoader(ask);
  const showError = (error) => showStatus(error.message);
  const source = pictureSource({ ask, run: () => model.get("view").run, onItem: (id) => cards.update(id),
    onThumbnail: showThumbnail, onError: showError });
  const cards = cardList(scroller, grid, (id) => (source.item(id) ? card(source.item(id)) : emptyCard(id)), onMove);
  const thumbnail = source.thumbnail;
  const dialogOpen = () => viewer.dialog.open || comparer.dialog.open;
  const viewer = lightbox({ load, thumbnail, find, copy, download, onClose });
  const comparer = comparison({ load, thumbnail, onClose });
  const run = runParts((page, action) => request("act", { page, action }));
  el.append(head, ...run.elements, notes, bar, status, skip, scroller, end, menu, viewer.dialog, comparer.dialog);

  const countArrived = () => [...previews.values()].filter((preview) => preview.finished).length;

  function clearPreviews() {
    previews.forEach((preview) => URL.revokeObjectURL(preview.url));
    previews.clear();
  }

  const isUsed = (id) => id === first?.id || cards.card(id) || dialogOpen();
  // What is in sight comes first; what is around it, once somebody scrolls.
  const wanted = () => (scrolled ? [...cards.visible(), ...cards.around()] : cards.visible());

  function showThumbnail(id) {
    const picture = cards.card(id)?.querySelector(".igw-open img");
    if (picture && source.hasThumbnail(id)) picture.src = thumbnail(source.item(id));
    else cards.update(id);
  }

  function onMove() {
    scrolled = scroller.scrollTop > 0;
    source.pump();
  }

  // An image of those that are shown, with its neighbours, for who looks at it before it was in sight.
  async function find(id) {
    const index = shown.indexOf(id);
    if (!source.item(id)) await source.request(shown.slice(Math.max(index - 2, 0), index + 3));
    return source.item(id);
  }

  // Back to the image that was looked at last, wherever in the list it is.
  function onClose(id) {
    cards.reveal(id)?.querySelector(".igw-open").focus();
  }

  function showStatus(text, place = status) {
    place.textContent = text;
  }

  async function copy(text, place) {
    const told = await copyWithStatus(text, place?.closest("dialog") ?? el);
    showStatus(text.startsWith("{{") ? `${told} ${model.get("view").path_note}`.trim() : told, place);
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

  const card = (item) => imageCard(item, { first: first?.id === item.id, url: thumbnail(item), copy, download,
    open: () => (first && first.id !== item.id && !item.missing ? compare(item) : viewer.open(shown, shown.indexOf(item.id))),
    menu: (button, label) => openMenu(button, label, entries(item)) });

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
    const top = view.page === page ? scroller.scrollTop : 0;
    if (view.page !== page) {
      source.forget((id) => id === first?.id);
      scrolled = false;
    }
    page = view.page;
    shown = shownIds(view);
    view.items.forEach(source.put);
    if (view.making !== making) clearPreviews();
    making = view.making;
    const previewOf = (index) => (view.page === making ? previews.get(index) : undefined);
    if (view.shape.length) el.style.setProperty("--igw-shape", view.shape.join(" / "));
    head.replaceChildren(...heading(view, {
      flip: (more, key) => {
        nextFocus = key;
        request("flip", more);
      },
      downloadAll: view.items.some((item) => !item.missing) && downloadAll,
    }));
    bars(view);
    notes.replaceChildren(...view.notes.map((note) => h("li", null, icon(ICONS.note), h("span", null, note))));
    cards.show(shown, Array.from({ length: view.pending }, (_, index) => pendingTile(index, previewOf(index))), top);
    run.show(view, countArrived());
    skip.hidden = end.hidden = shown.length <= MANY;
    if (!grid.children.length) grid.append(h("li", { class: "igw-empty" }, view.empty));
    source.follow(wanted, isUsed);
    const key = nextFocus || focused;
    if (!key || dialogOpen()) return;
    // What had the focus may be gone: a button of the run before, or one that is disabled now.
    const target = el.querySelector(`[data-key="${CSS.escape(key)}"]:not(:disabled)`) ?? el.querySelector(".igw-actions [data-key]")
      ?? el.querySelector("[data-key]:not(:disabled)");
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
      if (model.get("view").page !== making) return;
      grid.querySelectorAll(".igw-pending")[message.index]?.replaceWith(pendingTile(message.index, previews.get(message.index)));
      run.showArrived(countArrived(), model.get("view").pending);
    } else if (message.type === "thumbnails") source.receive(message, buffers);
  }

  el.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !first || event.target.closest("dialog")) return;
    first = null;
    draw();
  });
  model.on("change:view", drawNew);
  follow(model, ["run_note"], () => run.showNote(model.get("run_note")));
  draw();
  return () => {
    run.stop();
    clear();
    source.clear();
    cards.stop();
    clearPreviews();
  };
}

export default { render };
