// The images of the run that is shown: their cards, thumbnails as they come into sight, and files where a picture is
// larger than its thumbnail. `makeCard(item)` gives a card, `onItem(item)` is told of one that has changed; `acts` are
// functions of an item by key.
const imageGrid = ({ model, ask, files, state, makeCard, acts, isUsed, onItem, onError }) => {
  let shown = []; // ids of the images that are not removed
  let page = null; // id of the run that is shown
  let drawn = ""; // what the cards were drawn for
  let scrolled = false;
  const hint = h("p", { id: randomId(), class: "igw-keys" }, KEYS_OF_CARDS);
  const list = h("ul", { class: "igw-grid", role: "list", "aria-label": "Images", "aria-describedby": hint.id });
  const scroller = h("div", { class: "igw-scroller" }, list);
  const pending = pendingImages(list);
  const source = pictureSource({ ask, onItem: update, onThumbnail: showThumbnail, onError });
  const cards = cardList(scroller, list,
    (id) => keys.prepare(source.item(id) ? makeCard(source.item(id)) : emptyCard(id), id), onMove);
  const ofItem = (act) => (id) => source.item(id) && !state.gone && act(source.item(id));
  const keys = cardKeys(list, { ids: () => shown, card: cards.card, reveal: cards.reveal, inSight: cards.visible,
    acts: Object.fromEntries(Object.entries(acts).map(([key, act]) => [key, ofItem(act)])) });
  const pictureOf = (id) => cards.card(id)?.querySelector(".igw-open img");
  const sharpen = sharpener({ source, files, pictureOf, may: () => !state.gone && shown.length <= FEW });
  const sharpenAll = () => shown.slice(0, FEW).forEach(sharpen);
  // What comes into sight is wanted first; what is around it, once somebody scrolls.
  const wanted = () => (scrolled ? [...cards.visible(), ...cards.around()] : cards.visible());
  const columns = gridColumns(list);
  const resized = new ResizeObserver(() => {
    columns.fit();
    sharpenAll();
  });
  resized.observe(list);

  function update(id) {
    cards.update(id);
    sharpen(id);
    if (source.item(id)) onItem(source.item(id));
  }

  function showThumbnail(id) {
    if (pictureOf(id) && source.hasThumbnail(id)) pictureOf(id).src = source.thumbnail(source.item(id));
    else cards.update(id);
    sharpen(id);
  }

  function onMove() {
    scrolled = scroller.scrollTop > 0;
    keys.settle();
    source.pump();
  }

  // An image of those that are shown, with its neighbours, for who looks at it before it was in sight.
  async function find(id) {
    const index = shown.indexOf(id);
    if (!source.item(id)) await source.request(index < 0 ? [id] : shown.slice(Math.max(index - 2, 0), index + 3));
    return source.item(id);
  }

  // Cards are made anew only where others are to be shown: a star or a note changes one.
  function drawCards(view) {
    const making = view.page === view.making && view.arrived; // of another run that goes on, nothing is seen here
    const now = JSON.stringify([view.page, view.count, view.removed, view.pending, making, view.asked, view.empty, view.path_run, state.first?.id, state.gone]);
    if (now === drawn) return;
    const top = view.page === page && drawn ? scroller.scrollTop : 0;
    drawn = now;
    const tiles = pending.tiles(view);
    const asked = ratioOf({ width: view.asked[0], height: view.asked[1] });
    columns.divide([...shown.map((id) => ratioOf(source.item(id) ?? view.items[0])), ...tiles.map(() => asked)]);
    cards.show(shown, tiles, top);
    keys.settle();
    sharpenAll();
    if (!list.children.length) list.append(h("li", { class: "igw-empty" }, view.empty));
  }

  function draw(view) {
    if (view.page !== page) {
      source.forget((id) => !isUsed(id));
      scrolled = false;
    }
    shown = shownIds(view);
    view.items.forEach(source.put);
    pending.begin(view);
    drawCards(view);
    page = view.page;
    source.follow(wanted, (id) => isUsed(id) || cards.card(id));
  }

  return { hint, elements: [scroller], draw, find, update, source,
    shown: () => shown,
    // The card of an image, once it is in sight; nothing where another run is shown.
    reveal: (id) => (shown.includes(id) ? cards.reveal(id) : null),
    countArrived: pending.countArrived,
    receive(message, buffers) {
      if (message.type === "preview") pending.receive(message, buffers, model.get("view"));
      else source.receive(message, buffers);
    },
    stop() {
      resized.disconnect();
      source.clear();
      cards.stop();
      pending.clear();
    } };
};

