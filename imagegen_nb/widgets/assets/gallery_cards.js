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
      if (card.contains(focusNear(card))) scroller.focus({ preventScroll: true });
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
    grid.style.paddingTop = grid.style.paddingBottom = "";
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
    const key = old.contains(focusNear(old)) && focusNear(old).dataset.key;
    old.replaceWith(place(id, ids.indexOf(id)));
    if (key) cards.get(id).querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
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
