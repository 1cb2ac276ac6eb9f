// A sweep's grid: what Python says is shown (`view`) is drawn here, and what somebody does is asked of Python.
const KEYS_OF_GRID = "Arrow keys move to other cells · Enter opens · s stars · p picks";
const LOOK_AGAIN = 2000; // ms
const KEYS_IN_GRID = KEYS_OF_VIEWER.flatMap((key) => (key[0] === "s" ? [key, ["p", "Pick"]] : [key]));

function render({ model, el }) {
  initRoot(el, "ig-sweep-grid");
  const state = { first: null, gone: false };
  let shown = []; // ids of what can be opened, in the order of the table
  let drawn = {}; // what the table and its cells were drawn for
  let looked = Date.now();
  let finished = ""; // what was told last of cells that were run again

  const head = h("div", { class: "igw-grid-head" });
  const status = h("p", { role: "status", class: "igw-status" });
  const hint = h("p", { id: randomId(), class: "igw-keys" }, KEYS_OF_GRID);
  const place = h("div", { class: "igw-places", "aria-describedby": hint.id });
  const scroller = h("div", { class: "igw-across" }, place);
  const more = h("p");
  const showStatus = (text, where = status) => { where.textContent = text; };
  const showError = (error) => showStatus(error.message);
  const ask = requester(model, receive, status);
  const request = (type, told) => ask(type, told).then(([answer]) => {
    showStatus(answer.text ?? "");
    return answer;
  }, showError);
  const files = fullSizeLoader(ask);
  const source = pictureSource({ ask, onItem: update, onThumbnail: update, onError: showError });
  const actions = galleryActions({ el, ask, request, files, source, state, find, showStatus, showError, late: () => ({ pathNote: "" }) });
  const cellOf = (item) => model.get("view").cells[item.cell];
  const pick = (cell) => cell.has_images && request("pick", { cell: cell.number, on: !cell.picked });
  const again = (cell) => request("again", cell ? { cell: cell.number } : {});
  const rerun = rerunBar({ again: () => again(), stop: () => request("stop") });
  const about = aboutCell({ cellOf, gone: () => state.gone, pick, again });
  const viewer = lightbox({ load: files.load, thumbnail: source.thumbnail, details: runDetails(ask), ...actions, find, about, keys: KEYS_IN_GRID,
    acts: { p: (item) => pick(cellOf(item)) }, gone: () => state.gone, usable: () => false, means: () => 0, onClose: focus });
  const ofImage = (act) => (id) => !state.gone && !source.item(id).reason && act(source.item(id));
  const card = (id) => place.querySelector(`[data-id="${CSS.escape(id)}"]`);
  const keys = cardKeys(place, { ids: () => shown, card, reveal: card, inSight: () => shown,
    acts: { s: ofImage((item) => actions.star(item, !item.starred)), p: ofImage((item) => pick(cellOf(item))) } });
  el.append(head, rerun.el, status, hint, scroller, more, viewer.dialog);

  async function find(id) {
    return source.item(id);
  }

  function focus(id) {
    (card(id) ?? place.querySelector("[data-id]"))?.querySelector(".igw-open").focus();
  }

  function makeImage(cell, id, index) {
    const item = source.item(id);
    const isLast = index === cell.images.length - 1;
    return keys.prepare(sweepImage(item, { key: `${cell.number}.${index}`, url: source.thumbnail(item), gone: state.gone,
      words: isLast && sweepWords(cell, { gone: state.gone, pick: () => pick(cell), again: () => again(cell) }),
      open: () => viewer.open(shown, shown.indexOf(id)), star: () => actions.star(item, !item.starred) }), id);
  }

  function makeCell(number) {
    const cell = model.get("view").cells[number];
    return h("div", { class: `igw-cell${cell.picked ? " igw-picked" : ""}`, role: "group", "aria-label": cell.heading, "data-cell": number },
      cell.images.map((id, index) => makeImage(cell, id, index)));
  }

  // One image has changed: a star, a note, or its picture has come.
  function update(id) {
    const old = card(id);
    const item = source.item(id);
    if (!old || !item) return;
    const cell = cellOf(item);
    keepFocus(() => old.replaceWith(makeImage(cell, id, cell.images.indexOf(id))));
    viewer.refresh(item);
  }

  // What had the focus has it afterwards, or else the picture beside it.
  function keepFocus(draw) {
    const focused = el.contains(focusNear(el)) && !viewer.dialog.open && focusNear(el).dataset.key;
    draw();
    if (!focused) return;
    const find = (key) => el.querySelector(`[data-key="${CSS.escape(key)}"]:not([hidden])`);
    const [, number] = focused.split(" ");
    const same = find(focused);
    if (same) same.focus({ preventScroll: true });
    else (number ? find(`open ${number.split(".")[0]}.0`) : find("stop") ?? place.querySelector(".igw-open"))?.focus();
  }

  // What has not changed stays: somebody may be pressing it.
  function drawCells(view) {
    const structure = JSON.stringify([view.columns, view.rows, state.gone]);
    const told = new Map(Object.values(view.cells).map((cell) => [cell.number,
      JSON.stringify([cell, view.items.filter((item) => item.cell === cell.number)])]));
    if (structure !== drawn.structure) place.replaceChildren(view.rows.length ? sweepTable(view, makeCell) : h("p", null, "no such cells"));
    else for (const [number, now] of told) if (now !== drawn.told.get(number)) place.querySelector(`[data-cell="${number}"]`).replaceWith(makeCell(number));
    drawn = { structure, told };
  }

  // Stars, notes, picks and runs may come from elsewhere: looked for when somebody turns to the grid.
  function look() {
    if (state.gone || Date.now() - looked < LOOK_AGAIN) return;
    looked = Date.now();
    ask("look", {}, true).catch(() => {});
  }

  function draw() {
    const view = model.get("view");
    const before = shown;
    const open = viewer.shown();
    view.items.forEach(source.put);
    shown = view.items.map(({ id }) => id);
    keepFocus(() => {
      head.replaceChildren(...[state.gone && kernelGoneNote(), h("b", null, view.title), ...view.notes.map((note) => h("p", { dir: "auto" }, note))].filter(Boolean));
      drawCells(view);
      rerun.show(view, state.gone);
    });
    more.hidden = !view.more;
    setText(more, view.more);
    keys.settle();
    source.follow(() => shown.filter((id) => !source.item(id).missing), (id) => shown.includes(id));
    if (view.told && view.told !== finished) showStatus(view.told);
    finished = view.told;
    if (viewer.dialog.open) followCell(open, before);
  }

  // The run of the cell that is looked at was replaced: its new images take the place of the old.
  function followCell(open, before) {
    if (before.join() === shown.join()) viewer.refresh(source.item(open));
    else viewer.replace(shown, Math.max(shown.includes(open) ? shown.indexOf(open) : shown.findIndex((id) => parseInt(id, 10) === parseInt(open, 10)), 0));
  }

  function receive(message, buffers) {
    if (message.type === "thumbnails") source.receive(message, buffers);
  }

  el.addEventListener("pointerenter", look);
  el.addEventListener("focusin", look);
  model.on("change:view", draw);
  const unwatch = watchKernel(model, () => {
    state.gone = true;
    el.classList.add("igw-gone");
    ask.stop(KERNEL_GONE);
    draw();
  });
  draw();
  return () => {
    unwatch();
    files.clear();
    source.clear();
  };
}

export default { render };
