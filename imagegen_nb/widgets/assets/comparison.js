// Two images: one over the other behind a slider, or side by side, zoomed and moved together, and what differs between
// their settings.
const NEAR_DIVIDER = 22; // px
const MOST_WORDS = 400; // of a prompt whose words are compared

// The words of `text` that `other` lacks, marked; the longest common sequence of words is left plain.
const markedWords = (text, other) => {
  const [words, others] = [text, other].map((one) => one.split(/(?<=\s)/));
  if (words.length > MOST_WORDS || others.length > MOST_WORDS) return [text];
  const common = Array.from({ length: words.length + 1 }, () => new Uint16Array(others.length + 1));
  const same = (row, column) => words[row].trim() === others[column].trim();
  for (let row = words.length - 1; row >= 0; row -= 1) {
    for (let column = others.length - 1; column >= 0; column -= 1) {
      common[row][column] = same(row, column) ? common[row + 1][column + 1] + 1
        : Math.max(common[row + 1][column], common[row][column + 1]);
    }
  }
  const parts = [];
  for (let row = 0, column = 0; row < words.length; row += 1) {
    while (column < others.length && !same(row, column) && common[row][column + 1] > common[row + 1][column]) column += 1;
    if (column < others.length && same(row, column) && common[row][column] === common[row + 1][column + 1] + 1) {
      parts.push(words[row]);
      column += 1;
    } else parts.push(h("mark", null, words[row].trimEnd()), words[row].slice(words[row].trimEnd().length));
  }
  return parts;
};

const differences = (pair) => {
  const settings = pair.map(({ settings: rows }) => new Map(rows));
  const labels = [...new Set(settings.flatMap((rows) => [...rows.keys()]))];
  const rows = labels.map((label) => [label, ...settings.map((values) => values.get(label) ?? "–")])
    .filter(([, one, two]) => one !== two);
  const [one, two] = pair.map(({ prompt }) => prompt);
  if (one !== two) rows.unshift(["Prompt", markedWords(one || "–", two), markedWords(two || "–", one)]);
  return { rows, same: labels.length + 1 - rows.length };
};

const differenceTable = ({ rows, same }) => {
  const rest = same && `${same} other setting${same === 1 ? " is" : "s are"} the same.`;
  if (!rows.length) return [h("p", null, "Both have the same prompt and settings.")];
  return [h("table", null, h("thead", null, h("tr", null, ...["Differs", "A", "B"].map((text) => h("th", { scope: "col" }, text)))),
    h("tbody", null, rows.map(([label, ...values]) => h("tr", null, h("th", { scope: "row" }, label),
      values.map((value) => h("td", { dir: "auto" }, value)))))), rest && h("p", null, rest)].filter(Boolean);
};

const comparison = ({ load, thumbnail, details, onClose }) => {
  let pair = [];
  let sliding = false;
  const sides = ["A", "B"].map((letter) => {
    const img = h("img", { draggable: "false" });
    return { letter, img, name: h("p", { dir: "auto", class: "igw-caption" }), box: h("div", { class: "igw-pane" }, img) };
  });
  const status = h("span", { role: "status" });
  const range = h("input", { type: "range", min: 0, max: 100, step: 1, input: move });
  const divider = h("span", { class: "igw-divider", "aria-hidden": "true" });
  const stage = h("div", { class: "igw-compare-stage", tabindex: "0", role: "group",
    "aria-label": "Both images: plus and minus keys zoom, arrow keys move what is enlarged" }, ...sides.map(({ box }) => box), divider, range,
    h("i", { class: "igw-handle", "aria-hidden": "true" }), ...sides.map(({ name }) => name));
  const buttons = zoomButtons(() => view);
  const view = zoomView(stage, sides.map(({ box, img }, index) => ({ box, img,
    size: () => [pair[index]?.width, pair[index]?.height] })), { grow: true, slides, onChange: () => buttons.refresh(),
    onClick: (event) => (view.isFitted() ? view.full(event) : view.fit()) });
  const modes = h("div", { class: "igw-modes", role: "radiogroup", "aria-label": "How to compare" });
  const groupName = randomId();
  for (const [value, text] of [["slider", "Slider"], ["side", "Side by side"]]) {
    modes.append(h("label", null, h("input", { type: "radio", name: groupName, value, change: () => setMode(value) }), h("span", null, text)));
  }
  const table = h("div", { class: "igw-differences" });
  const help = keyHelp(KEYS_OF_COMPARISON);
  const dialog = modalDialog("igw-compare", h("div", { class: "igw-top" }, h("b", null, "Compare"), modes, status,
    h("div", { class: "igw-dialog-actions" }, buttons.group, help.button, closeButton(() => dialog.close()))), stage, table, help.pop);
  dialog.addEventListener("close", () => onClose(pair[1].id));
  dialog.addEventListener("keydown", (event) => help.onKey(event) || (event.target.type !== "radio" && view.onKey(event)));
  stage.addEventListener("pointermove", (event) => sliding && slideTo(event));
  for (const type of ["pointerup", "pointercancel"]) stage.addEventListener(type, () => { sliding = false; });

  function setMode(mode) {
    stage.dataset.mode = mode;
    modes.querySelector(`[value="${mode}"]`).checked = true;
    range.hidden = divider.hidden = help.first.hidden = mode !== "slider"; // that of the keys is the divider's
    view.reset();
  }

  // The divider is dragged; elsewhere a fitted picture brings it along, and an enlarged one is moved.
  function slides(event) {
    if (stage.dataset.mode !== "slider") return false;
    const box = stage.getBoundingClientRect();
    const distance = Math.abs(event.clientX - box.left - (box.width * range.value) / 100);
    if (distance > NEAR_DIVIDER && !view.isFitted()) return false;
    sliding = true;
    stage.setPointerCapture(event.pointerId);
    event.preventDefault();
    range.focus();
    slideTo(event);
    return true;
  }

  function slideTo(event) {
    const box = stage.getBoundingClientRect();
    range.value = ((event.clientX - box.left) / box.width) * 100;
    move();
  }

  function move() {
    stage.style.setProperty("--igw-at", `${range.value}%`);
    range.setAttribute("aria-valuetext", `${range.value} % of ${sides[0].name.textContent}`);
  }

  function showDifferences() {
    table.replaceChildren();
    const wanted = pair;
    Promise.all(pair.map((item) => details(item.id))).then((found) => {
      if (wanted === pair) table.replaceChildren(...differenceTable(differences(found)));
    }, (error) => wanted === pair && table.replaceChildren(h("p", null, error.message)));
  }

  return { dialog, open(items) {
    pair = items;
    dialog.setAttribute("aria-label", `Compare ${pair[0].name} with ${pair[1].name}`);
    range.setAttribute("aria-label", `How much of ${pair[0].name} is shown`);
    status.textContent = "Loading…";
    const loading = pair.map((item, index) => {
      const { img, name, letter } = sides[index];
      Object.assign(img, { alt: item.alt, src: thumbnail(item) });
      name.textContent = `${letter}: ${item.name}${item.run ? ` (${item.run})` : ""}`;
      return load(item.id).then((full) => { if (pair === items) img.src = full.url; });
    });
    const told = (text) => { if (pair === items) status.textContent = text; }; // else another pair is shown by now
    Promise.all(loading).then(() => told(""), (error) => told(error.message));
    range.value = 50;
    move();
    dialog.showModal();
    setMode(stage.dataset.mode ?? "slider");
    (range.hidden ? modes.querySelector(":checked") : range).focus();
    showDifferences();
  } };
};

