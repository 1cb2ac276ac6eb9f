// The cards by keyboard: one of them is in the order of Tab, with all that it holds; arrow keys lead to the others.
const KEYS_OF_CARDS = "Arrow keys move to other images · Enter opens · Space or x selects · s stars";

// `ids()` are all images in their order, `card(id)` the element of one that is part of the page, `reveal(id)` makes it
// that, `inSight()` are the ids of those that are to be seen. `acts` are functions of an id by key.
const cardKeys = (list, { ids, card, reveal, inSight, acts }) => {
  let current = "";

  function prepare(element, id) {
    for (const control of element.querySelectorAll("button, input")) control.tabIndex = id === current ? 0 : -1;
    return element;
  }

  function enter(id) {
    if (id === current) return;
    const before = current;
    current = id;
    for (const one of [before, id]) if (card(one)) prepare(card(one), one);
  }

  // Rows are as high as what stands in them: so the nearest card above or below is looked for in the page.
  function beyond(from, down) {
    const box = from.getBoundingClientRect();
    const others = [...list.querySelectorAll("[data-id]")].map((other) => [other, other.getBoundingClientRect()])
      .filter(([, place]) => (down ? place.top >= box.bottom : place.bottom <= box.top));
    const far = ([, place]) => Math.abs(place.top - box.top) * 1000 + Math.abs(place.left - box.left);
    return others.sort((one, two) => far(one) - far(two))[0]?.[0].dataset.id;
  }

  function target(key, from) {
    const order = ids();
    const index = order.indexOf(from.dataset.id);
    const by = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: order.length - 1 }[key];
    if (by !== undefined) return order[by];
    return ["ArrowDown", "ArrowUp"].includes(key) ? beyond(from, key === "ArrowDown") : undefined;
  }

  function onKey(event) {
    const from = event.target.closest("[data-id]");
    if (!from || event.ctrlKey || event.metaKey || event.altKey) return;
    const to = target(event.key, from);
    // On a button or a box of the card, Space does what it does on any.
    const act = event.key === " " ? isPicture(event.target) && acts.x : acts[event.key];
    if (!to && !act) return;
    event.preventDefault();
    if (!to) return act(from.dataset.id);
    reveal(to);
    enter(to);
    card(to).querySelector(".igw-open").focus();
  }

  const isPicture = (element) => element.matches(".igw-open");

  list.addEventListener("keydown", onKey);
  // Firefox presses a button when Space is released.
  list.addEventListener("keyup", (event) => event.key === " " && isPicture(event.target) && event.preventDefault());
  list.addEventListener("focusin", ({ target: { parentElement } }) => {
    const within = parentElement?.closest("[data-id]");
    if (within) enter(within.dataset.id);
  });

  return { prepare,
    // Whatever is drawn or scrolled to, one that is in sight can be reached.
    settle() {
      if (!ids().includes(current) || !card(current)) enter(inSight()[0] ?? "");
    } };
};
