// What the page knows of the images: Python describes the first ones, and the others when they are asked for. One
// request is under way at a time, for a dozen images that are in sight then: who scrolls past a thousand waits for
// none that are gone again.
const MOST_ASKED = 12; // images
const PATIENCE = 10000; // ms without a thumbnail after which those that are awaited are asked for again
const KEPT_THUMBNAILS = 240;

const pictureSource = ({ ask, onItem, onThumbnail, onError }) => {
  const items = new Map(); // id -> item
  const told = new Map(); // id -> the item as Python knows it
  const held = new Map(); // id -> what somebody has just done to it, until Python has answered: changes, the last one last
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

  // Of an image that is known, its card is drawn anew only where something has changed.
  function put(item) {
    told.set(item.id, item);
    show(item.id);
  }

  function show(id) {
    const item = Object.assign({}, told.get(id), ...held.get(id) ?? []);
    const known = items.get(item.id);
    const next = { ...item, damaged: known?.damaged };
    if (known && JSON.stringify(known) === JSON.stringify(next)) return;
    items.set(item.id, next);
    onItem(item.id);
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
    // Shows a change before Python has heard of it, and whatever older comes meanwhile; until `answer`, which it returns.
    hold(id, change, answer) {
      const end = () => {
        held.set(id, held.get(id).filter((one) => one !== change));
        if (told.has(id)) show(id);
      };
      held.set(id, [...held.get(id) ?? [], change]);
      if (told.has(id)) show(id);
      answer.then(end, end);
      return answer;
    },
    hasThumbnail: (id) => thumbnails.has(id),
    follow(ids, used) {
      wanted = ids;
      inUse = used;
      pump();
    },
    forget(isIdle) {
      [...items.keys()].filter(isIdle).forEach((id) => [items, told].forEach((known) => known.delete(id)));
      awaited.clear();
      inVain.clear();
    },
    clear: () => { clearTimeout(timer); thumbnails.clear(); },
  };
};

