
// What the page knows of the images: Python describes the first ones, and the others when they are asked for. One
// request is under way at a time, for a dozen images that are in sight then: who scrolls past a thousand waits for
// none that are gone again.
const EAGER = 12; // images whose thumbnails are asked for before they are in sight
const PATIENCE = 10000; // ms without a thumbnail after which those that are awaited are asked for again
const KEPT_THUMBNAILS = 240;

const pictureSource = ({ ask, run, onItem, onThumbnail, onDropped, onError }) => {
  const items = new Map(); // id -> item
  const thumbnails = thumbnailCache();
  const awaited = new Set();
  let wanted = () => []; // the ids to show, the most urgent first
  let inUse = () => false;
  let timer = 0;

  const isComplete = (id) => {
    const item = items.get(id);
    return item && (item.missing || item.damaged || thumbnails.has(id));
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
    for (const id of asked) if (!later.includes(id) || isComplete(id)) awaited.delete(id);
    thumbnails.trim(KEPT_THUMBNAILS, inUse).forEach(onDropped);
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
    const ids = wanted().filter((id) => !isComplete(id)).slice(0, EAGER);
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
    forget: (keep) => { [...items.keys()].filter((id) => !keep(id)).forEach((id) => items.delete(id)); awaited.clear(); },
    clear: () => { clearTimeout(timer); thumbnails.clear(); },
  };
};

// The cards of the images in a list that grows and shrinks with what is in sight: a card that was never near is an
// empty box of the same size. `make(id)` gives a full card or, while nothing is known of the image, an empty one.
const MANY = 24; // a list of more images scrolls by itself

const cardList = (grid, make, onMove) => {
  const cards = new Map(); // id -> element
  const near = new Set();
  let observer = null;
  let moved = 0;

  function observe(entries) {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) near.add(target.dataset.id);
      else near.delete(target.dataset.id);
    }
    clearTimeout(moved);
    moved = setTimeout(onMove, 60);
  }

  function place(id) {
    const card = make(id);
    card.dataset.id = id;
    cards.set(id, card);
    return card;
  }

  function show(ids, more) {
    const many = ids.length > MANY;
    observer?.disconnect();
    grid.classList.toggle("igw-many", many);
    const shown = new Set(ids);
    [...near].filter((id) => !shown.has(id)).forEach((id) => near.delete(id));
    cards.clear();
    grid.replaceChildren(...ids.map(place), ...more);
    observer = new IntersectionObserver(observe, { root: many ? grid : null, rootMargin: "400px 0px" });
    cards.forEach((card) => observer.observe(card));
  }

  // Draws one card anew, without taking the focus out of it.
  function update(id) {
    const old = cards.get(id);
    if (!old) return;
    const key = old.contains(document.activeElement) && document.activeElement.dataset.key;
    observer.unobserve(old);
    old.replaceWith(place(id));
    observer.observe(cards.get(id));
    if (key) cards.get(id).querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
  }

  return { show, update, card: (id) => cards.get(id), isNear: (id) => near.has(id),
    nearby: () => [...cards.keys()].filter((id) => near.has(id)),
    stop: () => { observer?.disconnect(); clearTimeout(moved); } };
};
