// The gallery: what Python says is shown (`view`) is drawn here, and what somebody does is asked of Python.
function render({ model, el }) {
  initRoot(el, "ig-gallery");
  const state = { first: null, gone: false }; // the image that another one is to be compared with; the kernel
  let listed = ""; // what the history was asked for
  let nextFocus = ""; // key of the element that gets the focus once the next view is drawn
  const number = runNumber();

  const head = h("div", { class: "igw-head", tabindex: "-1" });
  const notes = h("ul", { class: "igw-notes" });
  const status = h("p", { role: "status", class: "igw-status" });
  const bar = h("div", { class: "igw-bar" });
  const redraw = redrawer();
  const { menu, open: openMenu, refresh: refreshMenu } = popupMenu();
  const showStatus = (text, place = status) => { place.textContent = text; };
  const showError = (error) => showStatus(error.message);
  const ask = requester(model, receive, status);
  const request = (type, more) => ask(type, more).then(([answer]) => {
    showStatus(answer.text ?? "");
    if (answer.focus === "settings") focusSettings(el);
    return answer;
  }, showError);
  const run = runParts((page, action) => request("act", { page, action }));
  const files = fullSizeLoader(ask);
  const grid = imageGrid({ model, ask, files, state, makeCard, onError: showError,
    acts: { s: (item) => actions.star(item, !item.starred), x: (item) => selection.toggle(item.id, item.name) }, onItem: (item) => viewer.refresh(item),
    isUsed: (id) => id === state.first?.id || selection.has(id) || dialogOpen() });
  const { source } = grid;
  const ways = waysToImages({ el, head, grid, showStatus,
    late: () => ({ viewer, found: strip.foundImages(), shown: model.get("view").position, flip: (to) => request("flip", { to }) }) });
  const actions = galleryActions({ el, ask, request, files, source, state, find: grid.find, showStatus, showError,
    late: () => ({ comparer, selection, draw, openNote: ({ id }) => ways.open(id, { atNote: true }), focusImage: ways.focus, usable: model.get("view").usable, pathRun: model.get("view").path_run, pathNote: model.get("view").path_note, focusNext: (key) => { nextFocus = key; } }) });
  const parts = { load: files.load, thumbnail: source.thumbnail, details: runDetails(ask) };
  const viewer = lightbox({ ...parts, ...actions, find: grid.find, gone: () => state.gone,
    usable: () => model.get("view").usable, means: ({ id, path_run: other }) => (grid.shown().includes(id) ? model.get("view").path_run : other), onClose: ways.focus });
  // The browser gives the focus back to what had it, unless that was drawn anew: then it is in the closed dialog for a moment.
  const comparer = comparison({ ...parts, onClose: (id) => {
    const focused = focusNear(el);
    if (!el.contains(focused) || comparer.dialog.contains(focused)) ways.focus(id);
  } });
  const selection = selectionBar({ shown: grid.shown, onChange: onChosen, compare: actions.compareChosen, download: actions.downloadAll,
    remove: actions.remove });
  const comparing = compareBar(actions.endComparing);
  const tip = h("p", { class: "igw-tip" });
  const row = h("div", { class: "igw-line" }, comparing.el, selection.el, status, grid.hint, tip);
  const bars = [comparing.el, selection.el].map((each) => floatingBar(each, row, el));
  const strip = historyStrip({ ask, jump: ways.jump, star: (id, on) => actions.star({ id }, on), choose: selection.toggle,
    isChosen: selection.has, onFound: () => draw(), onError: showError });
  const dialogOpen = () => viewer.dialog.open || comparer.dialog.open;
  el.append(head, strip.el, ...run.elements, notes, bar, row, ...grid.elements, menu, viewer.dialog, comparer.dialog);

  function makeCard(item) {
    const { first, gone } = state;
    const { copy, download } = actions;
    return imageCard(item, { means: model.get("view").path_run, first: first?.id === item.id, chosen: selection.has(item.id), url: source.thumbnail(item), gone, copy,
      download, choose: () => selection.toggle(item.id, item.name), star: () => actions.star(item, !item.starred),
      menu: (button, label) => openMenu(button, label, actions.entries(item)),
      open: () => {
        if (first && first.id !== item.id && !item.missing) actions.compare(item);
        else ways.open(item.id);
      } });
  }

  function onChosen(ids) {
    el.classList.toggle("igw-choosing", selection.any());
    showStatus(""); // it shares its row with the bar
    ids.forEach((id) => {
      grid.update(id);
      strip.mark(id);
    });
    const focused = focusNear(el);
    if (!selection.any() && (!el.contains(focused) || selection.el.contains(focused))) grid.reveal(ids[0])?.querySelector(".igw-open").focus();
  }

  function drawBar(view) {
    redraw(bar, [state.gone, view.removal, view.undo_told], () => [state.gone ? kernelGoneNote() : undoLine(view, actions.undo)]);
    comparing.show(state.first);
  }

  function drawHistory(view) {
    strip.el.hidden = state.gone || (view.ended < 2 && view.count <= MANY && !view.others);
    const now = JSON.stringify([view.position, view.total, view.page, view.running, view.undo, view.removed, view.marks, view.others]);
    if (strip.el.hidden || now === listed) return;
    listed = now;
    strip.refresh(view);
  }

  function draw() {
    const view = model.get("view");
    const focused = el.contains(focusNear(el)) && focusNear(el).dataset.key;
    const found = strip.el.hidden ? null : strip.found();
    el.classList.toggle("igw-not-found", Boolean(found) && !found.includes(view.position));
    const count = view.count - view.removed.length;
    const told = ["title", "badge", "mark", "mark_note", "facts", "page", "position", "total"].map((name) => view[name]);
    const some = !state.gone && view.items.some((item) => !item.missing);
    redraw(head, [told, found, count, some, state.gone], () => heading(view, {
      flip: (more, key) => {
        nextFocus = key;
        ways.forget();
        request("flip", more);
      },
      found, count, number,
      downloadAll: some && (() => actions.downloadShown(model.get("view"))),
      gone: state.gone,
    }));
    drawBar(view);
    notes.hidden = !view.notes.length;
    redraw(notes, view.notes, () => view.notes.map((text) => h("li", null, icon(ICONS.note), h("span", null, text))));
    grid.draw(view);
    tip.textContent = state.gone ? "" : tipFor(view.items.filter((item) => !item.missing).length);
    selection.refresh();
    run.show(view, grid.countArrived(), state.gone);
    drawHistory(view);
    ways.arrive();
    refreshMenu();
    const key = nextFocus || focused;
    if (!key || dialogOpen()) return;
    // What had the focus may be gone, such as a button of the run before: then the heading has it, where a key that
    // is pressed once more starts and cancels nothing.
    const target = el.querySelector(`[data-key="${CSS.escape(key)}"]:not(:disabled)`)
      ?? ((nextFocus && el.querySelector("[data-key]:not(:disabled)")) || head);
    if (target !== focusNear(el)) target?.focus({ preventScroll: target.dataset.key === focused });
  }

  function receive(message, buffers) {
    if (message.type === "small_thumbnails") strip.receive(message, buffers);
    else if (["preview", "thumbnails"].includes(message.type)) grid.receive(message, buffers);
  }

  el.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.target.closest("dialog, [popover]")) return;
    if (state.first) actions.endComparing();
    else selection.clear();
  });
  model.on("change:view", () => {
    showStatus("");
    draw();
    nextFocus = "";
  });
  const unwatch = watchKernel(model, () => {
    state.gone = true;
    el.classList.add("igw-gone");
    ask.stop(KERNEL_GONE);
    selection.clear();
    draw();
  });
  follow(model, ["run_note"], () => run.showNote(model.get("run_note")));
  draw();
  return () => {
    unwatch();
    run.stop();
    files.clear();
    grid.stop();
    strip.stop();
    bars.forEach((each) => each.stop());
  };
}

export default { render };
