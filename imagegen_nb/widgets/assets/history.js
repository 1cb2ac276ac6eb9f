// The images of all runs in one row, the newest first: to jump to, to choose, to star, and to filter. Python finds
// what matches; the row holds what was scrolled to.
const historyStrip = ({ ask, jump, star, choose, isChosen, onFound, onError }) => {
  const pictures = thumbnailCache();
  const entries = new Map(); // key -> entry, in the order of the row
  const options = new Map(); // key -> element
  let matches = 0;
  let found = null; // the positions of the runs that were found; null where nothing is left out
  let answers = 0; // an older answer must not replace a newer one
  let isAsked = false; // whether an answer is on its way
  let wantsMore = false; // once it is there
  let position = 0;
  let ledTo = 0; // the position that the row was scrolled to
  const filter = historyFilter(reload);
  const list = h("ul", { role: "listbox", "aria-label": "History", "aria-multiselectable": "true", "aria-orientation": "horizontal",
    class: "igw-strip", keydown: onKey, scroll: onScroll });
  const legend = h("p", { id: randomId(), class: "igw-legend" }, h("u", null, "Underlined"),
    ": the run that is shown · Arrow keys move · Enter goes to an image, then opens it · Space or x selects · s stars");
  list.setAttribute("aria-describedby", legend.id);
  const el = h("section", { class: "igw-history", "aria-label": "History" },
    filter.el, list, legend);
  const edges = stripEdges(list);
  const resized = new ResizeObserver(edges.show);
  resized.observe(list);
  const small = smallPictures({ ask, pictures, list, idOf: (target) => entries.get(target.dataset.entry)?.id, isDrawn: (id) => options.has(id), onPicture: (id) =>
    options.get(id)?.querySelector("img")?.setAttribute("src", pictures.url(id)) });

  const keyOf = (entry) => entry.id || `${entry.run} none`;

  function option(entry, starts) {
    const key = keyOf(entry);
    const run = entry.position < 0 ? entry.from : `run ${entry.position + 1}`;
    const says = [entry.name, entry.id ? run : `${run}, no images`, entry.starred && "starred", entry.noted && "with a note"];
    const item = h("li", { role: "option", tabindex: "-1", "data-entry": key, "data-key": `history ${key}`,
      "aria-label": says.filter(Boolean).join(", "), title: `${entry.name}, ${run}`, "aria-selected": String(isChosen(entry.id)),
      class: ["igw-entry", starts && "igw-run-start", entry.starred && "igw-starred"].filter(Boolean).join(" "),
      click: (event) => {
        rove(item);
        if (event.ctrlKey || event.metaKey || event.shiftKey) act(" ", entry);
        else jump(entry.position, entry.id, event.detail);
      } },
    entry.id ? h("img", { alt: "", draggable: "false", src: pictures.url(entry.id) || null }) : icon(ICONS.note),
    starts && h("span", { class: "igw-run-tag", "aria-hidden": "true" }, entry.position < 0 ? entry.from : entry.position + 1),
    h("span", { class: "igw-chosen-tag", "aria-hidden": "true" }, icon(ICONS.check)),
    entry.starred && h("span", { class: "igw-star-tag", "aria-hidden": "true" }, icon(ICONS.star)));
    if (entry.position === position) item.setAttribute("aria-current", "true");
    return item;
  }

  function draw() {
    const focused = list.contains(focusNear(list)) && focusNear(list).dataset.entry;
    const index = [...options.keys()].indexOf(focused);
    const left = list.scrollLeft;
    small.watch([]);
    options.clear();
    let run = "";
    for (const [key, entry] of entries) {
      options.set(key, option(entry, entry.run !== run));
      run = entry.run;
    }
    list.replaceChildren(...options.values());
    list.scrollLeft = left;
    small.watch(options.values());
    const neighbour = index < 0 ? list.querySelector("[aria-current]") : list.children[Math.min(index, entries.size - 1)];
    const same = options.get(focused);
    rove(same ?? neighbour ?? list.firstElementChild, Boolean(focused && !same));
    same?.focus({ preventScroll: true }); // the page may be elsewhere: at the image that was led to
    list.hidden = legend.hidden = !entries.size;
    if (position !== ledTo) edges.lead();
    ledTo = position;
    edges.show();
    if (focused && !entries.size) filter.el.firstElementChild.focus();
  }

  // One of the row is in the order of Tab; arrow keys move to the others.
  function rove(item, focus = false) {
    list.querySelector("[tabindex='0']")?.setAttribute("tabindex", "-1");
    item?.setAttribute("tabindex", "0");
    if (focus) item?.focus();
  }

  function act(key, entry) {
    if (key === "Enter") jump(entry.position, entry.id);
    else if (entry.id && key === " ") choose(entry.id, entry.name);
    else if (entry.id && key === "s") star(entry.id, entry.starred = !entry.starred);
  }

  function onKey(event) {
    const items = [...options.values()];
    const index = items.indexOf(event.target);
    const entry = entries.get(event.target.dataset.entry);
    if (!entry || event.ctrlKey || event.metaKey || event.altKey) return;
    const to = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: items.length - 1 }[event.key];
    const key = event.key === "x" ? " " : event.key;
    if (to === undefined && !["Enter", " ", "s"].includes(key)) return;
    event.preventDefault();
    if (to === undefined) act(key, entry);
    else if (items[to]) {
      rove(items[to], true);
      items[to].scrollIntoView({ block: "nearest", inline: "nearest" });
      more();
    }
  }

  // Asks for entries from `start` on, for `count` or as many as Python gives at once; those before it are kept.
  async function request(start, count = 0) {
    const asked = (answers += 1);
    isAsked = true;
    try {
      const [answer] = await ask("history", { start, count, ...filter.query() }, true);
      if (asked !== answers) return;
      if (!start) entries.clear();
      answer.entries.forEach((entry) => entries.set(keyOf(entry), entry));
      matches = answer.matches;
      filter.show(answer);
      draw();
      if (start || JSON.stringify(found) === JSON.stringify(answer.found)) return;
      found = answer.found;
      onFound();
    } catch (error) {
      onError(error);
    } finally {
      if (asked === answers) isAsked = false;
      if (!isAsked && wantsMore) more();
    }
  }

  function onScroll() {
    edges.show();
    more();
  }

  // What is asked for goes on behind what is on its way, and does not take its place.
  function more() {
    wantsMore = isAsked;
    if (isAsked) return;
    const atEnd = list.scrollLeft + 2 * list.clientWidth > list.scrollWidth;
    if (atEnd && entries.size < matches) request(entries.size);
  }

  function reload() {
    list.scrollLeft = 0;
    return request(0);
  }

  return { el, receive: small.receive, found: () => found,
    // The images that were found, as far as they were scrolled to.
    foundImages: () => found && [...entries.values()].map(({ id }) => id).filter(Boolean),
    // Whatever has changed in Python; the row stays where it is.
    refresh(view) {
      position = view.position;
      filter.offerOthers(view.others);
      return request(0, entries.size);
    },
    mark(id) { options.get(id)?.setAttribute("aria-selected", String(isChosen(id))); },
    stop() { small.stop(); resized.disconnect(); filter.stop(); pictures.clear(); } };
};

