
// What the page knows of the images: Python describes the first ones, and the others when they are asked for. One
// request is under way at a time, for a dozen images that are in sight then: who scrolls past a thousand waits for
// none that are gone again.
const MOST_ASKED = 12; // images
const PATIENCE = 10000; // ms without a thumbnail after which those that are awaited are asked for again
const KEPT_THUMBNAILS = 240;

const pictureSource = ({ ask, run, onItem, onThumbnail, onError }) => {
  const items = new Map(); // id -> item
  const thumbnails = thumbnailCache();
  const awaited = new Set();
  const inVain = new Set(); // ids that were asked for and not answered: not asked for again and again
  let wanted = () => []; // the ids to show, the most urgent first
  let inUse = () => false;
  let timer = 0;

  const isComplete = (id) => {
    const item = items.get(id);
    return inVain.has(id) || (item && (item.missing || item.damaged || thumbnails.has(id)));
  };

  function arrived(id) {
    awaited.delete(id);
    onThumbnail(id);
  }

  // An answer, or a message of its own with a thumbnail that took longer to make.
  function receive({ ids, items: described = [], damaged = [], later }, buffers, asked = []) {
    for (const item of described) put(item);
    ids.forEach((id, index) => thumbnails.put(id, buffers[index]));
    for (const id of damaged) if (items.has(id)) items.set(id, { ...items.get(id), damaged: true });
    [...ids, ...damaged].forEach(arrived);
    for (const id of asked) {
      if (!later.includes(id) || isComplete(id)) awaited.delete(id);
      if (!later.includes(id) && !isComplete(id)) inVain.add(id);
    }
    thumbnails.trim(KEPT_THUMBNAILS, inUse);
    pump();
  }

  function put(item) {
    const known = items.get(item.id);
    items.set(item.id, { ...item, run: run(), damaged: known?.damaged });
    if (!known) onItem(item.id);
  }

  function request(ids) {
    ids.forEach((id) => awaited.add(id));
    clearTimeout(timer);
    timer = setTimeout(() => awaited.clear(), PATIENCE);
    return ask("thumbnails", { ids }).then((answer) => receive(...answer, ids), (error) => {
      awaited.clear();
      throw error;
    });
  }

  function pump() {
    if (awaited.size) return;
    const ids = wanted().filter((id) => !isComplete(id)).slice(0, MOST_ASKED);
    if (ids.length) request(ids).catch(onError);
  }

  return {
    receive, pump, put, request,
    item: (id) => items.get(id),
    thumbnail: (item) => thumbnails.url(item.id),
    hasThumbnail: (id) => thumbnails.has(id),
    follow(ids, used) {
      wanted = ids;
      inUse = used;
      pump();
    },
    forget(keep) {
      [...items.keys()].filter((id) => !keep(id)).forEach((id) => items.delete(id));
      awaited.clear();
      inVain.clear();
    },
    clear: () => { clearTimeout(timer); thumbnails.clear(); },
  };
};

// The cards of the images. A list of many scrolls by itself, and only the rows in sight, with some around them, are
// part of the page: ten thousand cards would take seconds to lay out. `make(id)` gives a card.
const MANY = 12;
const ROWS_AROUND = 2; // so that Tab finds the next image before it is in sight
const GAP = 12; // px between rows, as in the style

const cardList = (scroller, grid, make, onMove) => {
  const cards = new Map(); // id -> element, in the order of the list
  let ids = [];
  let columns = 1;
  let rowHeight = 0; // px, with the gap
  let range = ""; // the rows that are part of the page
  let moved = 0;

  const isMany = () => ids.length > MANY;
  const rows = () => Math.ceil(ids.length / columns);

  function place(id, position) {
    const card = make(id);
    card.dataset.id = id;
    if (isMany()) {
      card.setAttribute("aria-setsize", ids.length);
      card.setAttribute("aria-posinset", position + 1);
    }
    cards.set(id, card);
    return card;
  }

  // The first and the last row in sight. In a tab that is hidden, nothing has a size: then the first rows.
  function inSight() {
    if (!rowHeight) return [0, Math.ceil(MANY / columns) - 1];
    const last = Math.floor((scroller.scrollTop + scroller.clientHeight) / rowHeight);
    return [Math.min(Math.floor(scroller.scrollTop / rowHeight), rows() - 1), Math.min(last, rows() - 1)];
  }

  function measure() {
    if (!scroller.clientWidth || !cards.size) return;
    columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
    rowHeight = cards.values().next().value.offsetHeight + GAP;
  }

  function layOut() {
    const [first, last] = inSight();
    const [from, to] = [Math.max(first - ROWS_AROUND, 0), Math.min(last + ROWS_AROUND + 1, rows())];
    const wanted = `${from} ${to} ${columns} ${rowHeight}`;
    if (wanted === range) return;
    range = wanted;
    const start = from * columns;
    const shown = ids.slice(start, to * columns);
    const kept = new Set(shown);
    for (const [id, card] of cards) {
      if (kept.has(id)) continue;
      if (card.contains(document.activeElement)) scroller.focus({ preventScroll: true });
      card.remove();
      cards.delete(id);
    }
    const known = new Map(cards);
    cards.clear();
    let next = grid.firstChild;
    shown.forEach((id, index) => {
      const card = known.get(id) ?? place(id, start + index);
      cards.set(id, card);
      if (card === next) next = next.nextSibling;
      else grid.insertBefore(card, next);
    });
    grid.style.paddingTop = `${from * rowHeight}px`;
    grid.style.paddingBottom = `${(rows() - to) * rowHeight}px`;
  }

  function follow() {
    if (!isMany()) return;
    layOut();
    clearTimeout(moved);
    moved = setTimeout(onMove, 60);
  }

  function show(list, more, top) {
    ids = list;
    cards.clear();
    scroller.classList.toggle("igw-many", isMany());
    grid.replaceChildren(...ids.slice(0, MANY).map(place), ...more);
    grid.removeAttribute("style");
    range = "";
    if (isMany()) {
      scroller.setAttribute("tabindex", "-1");
      measure();
      grid.style.paddingBottom = `${rows() * rowHeight}px`; // or it could not scroll down to where it was
      scroller.scrollTop = top;
      layOut();
    } else scroller.removeAttribute("tabindex");
  }

  // Draws one card anew, without taking the focus out of it.
  function update(id) {
    const old = cards.get(id);
    if (!old) return;
    const key = old.contains(document.activeElement) && document.activeElement.dataset.key;
    old.replaceWith(place(id, ids.indexOf(id)));
    if (key) cards.get(id).querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
  }

  // Scrolls the list, if need be, until the card of an image is part of the page.
  function reveal(id) {
    const row = Math.floor(ids.indexOf(id) / columns);
    const [first, last] = inSight();
    if (isMany() && rowHeight && (row <= first || row >= last)) {
      scroller.scrollTop = row * rowHeight - Math.max((scroller.clientHeight - rowHeight) / 2, 0);
      layOut();
    }
    return cards.get(id);
  }

  function visible() {
    if (!isMany()) return ids;
    const [first, last] = inSight();
    return ids.slice(first * columns, (last + 1) * columns);
  }

  scroller.addEventListener("scroll", follow);
  const resized = new ResizeObserver(() => {
    if (!isMany()) return;
    measure();
    follow();
  });
  resized.observe(scroller);
  return { show, update, reveal, visible, card: (id) => cards.get(id), around: () => [...cards.keys()],
    stop: () => { resized.disconnect(); clearTimeout(moved); } };
};
