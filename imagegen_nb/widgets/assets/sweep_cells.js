// The table of a sweep's cells: edges with the values that differ marked, and in it the cells' pictures or reasons.
const edgeOf = (parts) => parts.map(([axis, pieces]) => h("div", { dir: "auto" }, h("small", null, axis), " ",
  pieces.map(([marked, text]) => (marked ? h("mark", null, text) : text))));

// `makeCell(number)` gives what stands in a cell.
const sweepTable = ({ columns, rows }, makeCell) => h("table", { class: "igw-cells", style: `--igw-columns:${rows[0].cells.length}` },
  h("colgroup", null, h("col", { class: "igw-edge" }), rows[0].cells.map(() => h("col"))),
  columns.length > 0 && h("thead", null, h("tr", null, h("td"), columns.map((edge) => h("th", { scope: "col" }, edgeOf(edge))))),
  h("tbody", null, rows.map(({ edge, cells }) => h("tr", null, h("th", { scope: "row" }, edgeOf(edge)),
    cells.map((numbers) => h("td", null, numbers.map(makeCell)))))));

// One image of a cell, or the place where it would be. What is said of the cell (`words`) stands below the last of them.
const sweepImage = (item, { key, url, gone, words, open, star }) => {
  const picture = item.reason ? h("span", { class: "igw-reason" }, item.reason)
    : item.missing || item.damaged ? h("span", { class: "igw-missing-image" }, item.missing ? "Image stored elsewhere" : "The image is damaged")
      : h("img", { src: url || null, alt: item.alt, contextmenu: (event) => event.stopPropagation() });
  return h("div", { class: `igw-card igw-shot${item.reason ? " igw-without" : ""}`, ...(item.reason ? {} : shaped(ratioOf(item))), "data-id": item.id },
    frame(h("button", { type: "button", class: "igw-open", "data-key": `open ${key}`, click: open }, picture),
      !gone && !item.reason && iconButton(`Star cell ${item.cell}`, ICONS.star, star, { class: "igw-button igw-bare igw-star igw-starry",
        "data-key": `star ${key}`, title: starTitle(item), "aria-pressed": String(Boolean(item.starred)) })),
    item.note && h("div", { class: "igw-remark", dir: "auto", title: item.note }, item.note), words);
};

// What is said of a cell below its pictures, and what can be done with it.
const sweepWords = (cell, { gone, pick, again }) => h("div", { class: "igw-words" },
  h("div", { class: "igw-facts", dir: "auto" }, [...cell.facts, !gone && cell.again].filter(Boolean).join(" · ")),
  !gone && cell.has_images && h("button", { type: "button", class: "igw-button igw-choice", "data-key": `pick ${cell.number}`, "aria-pressed": String(cell.picked),
    "aria-label": `${cell.picked ? "Picked" : "Pick"}: cell ${cell.number}`, title: cell.picked ? "Take the pick back (p)" : "Pick this cell (p)", click: pick },
  cell.picked && icon(ICONS.check), cell.picked ? "Picked" : "Pick"),
  gone && cell.picked && h("b", null, "Picked"),
  !gone && cell.again && h("button", { type: "button", class: "igw-button", "data-key": `again ${cell.number}`, "aria-label": `Run again: cell ${cell.number}`, click: again }, "Run again"));

// What the viewer says of a cell beside its picture.
const aboutCell = ({ cellOf, gone, pick, again }) => {
  const values = h("dl");
  const pickButton = h("button", { type: "button", class: "igw-button", click: () => pick(shown) });
  const againButton = h("button", { type: "button", class: "igw-button", click: () => again(shown) }, "Run again");
  const cost = h("p", { class: "igw-facts" });
  let shown = null;
  const el = h("div", { class: "igw-about" }, h("h3", null, "Cell"), values, pickButton, cost, againButton);
  return { el, show(item) {
    shown = cellOf(item);
    if (!shown) return;
    const { picked, cost: paid, outcome } = shown;
    values.replaceChildren(...[...shown.values, ["outcome", outcome], paid && ["cost", paid]].filter(Boolean).map(([name, value]) => term(name, value)));
    pickButton.hidden = gone() || !shown.has_images;
    pickButton.setAttribute("aria-pressed", String(picked));
    pickButton.replaceChildren(...[picked && icon(ICONS.check), picked ? "Picked" : "Pick this cell"].filter(Boolean));
    const off = gone() || !shown.again;
    if (off && focusNear(el) === againButton) el.closest("dialog").focus(); // its keys go on
    againButton.hidden = cost.hidden = off;
    setText(cost, shown.again);
  } };
};
