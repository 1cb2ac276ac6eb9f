// Parts that the gallery and its dialogs are made of.
const ICONS = {
  previous: "M10 3 5 8l5 5", next: "m6 3 5 5-5 5", close: "m4 4 8 8M12 4l-8 8",
  download: "M8 2v8M4.500 7 8 10.500 11.500 7M3 13.500h10", copy: COPY_ICON,
  zoom: "M7 2.500a4.500 4.500 0 1 0 0 9 4.500 4.500 0 0 0 0-9M10.500 10.500 14 14M7 5v4M5 7h4",
  plus: "M8 3.500v9M3.500 8h9", minus: "M3.500 8h9", screen: "M2.500 6V2.500H6M10 2.500h3.500V6M13.500 10v3.500H10M6 13.500H2.500V10",
  info: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2M8 7.500V11M8 5.200v.010",
  help: "M5.500 6.200a2.500 2.500 0 1 1 3.600 2.200C8.300 8.800 8 9.300 8 10.200M8 12.900v.010",
  compare: "M2.500 3.500h11v9h-11zM8 3.500v9", remove: "M3 4.500h10M6.500 4.500V3h3v1.500M4.500 4.500l.500 8.500h6l.500-8.500",
  check: "m3.500 8.500 3 3 6-7",
  star: "M8 1.800l1.900 3.900 4.300.600-3.100 3 .700 4.300L8 11.600l-3.800 2 .700-4.300-3.100-3 4.300-.600z",
  more: "M3.500 8h.010M8 8h.010M12.500 8h.010", note: "M8 2 1.500 13.500h13zM8 6.500V10M8 11.800v.010",
};

// A title of the same words is the name by itself; beside a label it would be read as a description too.
const iconButton = (name, path, click, more) => h("button", { type: "button", class: "igw-button igw-bare",
  "aria-label": more?.title && name, title: name, click, ...more }, icon(path));

// A button with text; `key` is how the gallery finds it again after it was drawn anew.
const textButton = (key, click, ...children) => h("button", { type: "button", class: "igw-button", "data-key": key, click },
  ...children);

// What the button of a star does, which the entry of the menu says too.
const starTitle = (item) => (item.starred ? "Remove the star" : "Star");

// A file's name, which does not break before its number: what one looks for is "hero-image-2.png".
const fileName = (name) => {
  const [, start, end] = name.match(/^(.*?)((?:[-_ ]?\d+)?(?:\.[^.]*)?)$/s);
  return [start, end && h("span", { class: "igw-whole" }, end)];
};

// A tile has the shape of its picture; what is not known yet counts as square.
const ratioOf = ({ width, height } = {}) => (width && height ? width / height : 1);
const shaped = (ratio) => ({ style: `--igw-ratio:${ratio.toFixed(4)}` });

// What was removed, and the way back.
const undoLine = ({ removal, undo_told: told }, undo) => (!removal ? "" : h("p", null, `${told} `,
  h("button", { type: "button", class: "igw-button", "data-key": "undo", "data-of": removal, click: () => undo(removal) }, "Undo")));

const closeButton = (close) => iconButton("Close", ICONS.close, close, { title: "Close (Esc)" });

// A click on the backdrop closes. The notebook's own context menu would hide "Save image as…".
const modalDialog = (name, ...children) => {
  const dialog = h("dialog", { class: `igw-dialog ${name}`, tabindex: "-1", contextmenu: (event) => event.stopPropagation(),
    mousedown: (event) => event.target === dialog && dialog.close() }, h("div", null, ...children));
  return dialog;
};

// The ids of the images that were not removed.
const shownIds = ({ page, count, removed }) => {
  const gone = new Set(removed);
  return Array.from({ length: count }, (_, index) => index).filter((index) => !gone.has(index))
    .map((index) => `${page}.${index}`);
};

const FEW_RUNS = 9; // of so few runs, the next and the previous one are quick to reach

// With many runs, any of them is reached by its number. Always the same field: somebody may be typing into it.
const runNumber = () => {
  let show = {};
  let shown = ""; // what stood there before anything was typed
  const change = () => {
    const to = Math.round(field.valueAsNumber) - 1;
    if (to >= 0 && to < show.total) show.flip({ to }, "run number");
    else field.value = shown;
    shown = field.value;
  };
  const field = h("input", { type: "number", class: "igw-run-number", min: 1, "aria-label": "Number of the run to show",
    "data-key": "run number", change });
  return ({ position, total }, flip) => {
    show = { total, flip };
    field.max = total;
    const typing = focusNear(field) === field && field.value !== shown;
    shown = String(position + 1);
    if (!typing) field.value = shown;
    return field;
  };
};

// What can be done with so many pictures, in the line where the bar of what is selected will stand.
const tipFor = (count) => ["", "Click the picture to enlarge it."][count]
  ?? "Click a picture to enlarge it, or tick some to compare, download or remove them.";

// The arrows lead the way the history below them runs: newer runs are on the left. `count` is how many images are shown, and would be downloaded.
// `found` are the positions of the runs that a filter of the history has found, newest first; null without a filter.
const heading = (view, { flip, found, count, number, downloadAll, gone }) => {
  const { position } = view;
  const runs = found ?? Array.from({ length: view.total }, (_, index) => view.total - 1 - index);
  const step = (name, path, by, to) => iconButton(found ? `${name} that was found` : name, path, () => flip(found ? { to } : { by }, `flip ${by}`),
    { "data-key": `flip ${by}`, disabled: to === undefined });
  const where = view.total > FEW_RUNS ? ["Run ", number(view, flip), ` of ${view.total.toLocaleString("en")}`]
    : [`Run ${view.position + 1} of ${view.total}`];
  const place = runs.includes(position) ? `${(runs.length - runs.indexOf(position)).toLocaleString("en")} of ${runs.length.toLocaleString("en")} found`
    : "not found by the filter";
  if (found) where.push(` · ${place}`);
  return [h("div", { class: "igw-title" }, view.title && h("b", { dir: "auto" }, view.title),
    view.badge && h("span", { class: "igw-badge" }, view.badge), view.mark && h("span", { class: "igw-mark", title: view.mark_note }, view.mark), h("span", null, view.facts.join(" · "))),
  h("div", { class: "igw-tools" },
    view.total > 1 && !gone && [step("Newer run", ICONS.previous, 1, runs.findLast((run) => run > position)), h("span", { class: "igw-where" }, ...where),
      step("Older run", ICONS.next, -1, runs.find((run) => run < position))],
    downloadAll && textButton("zip", downloadAll, icon(ICONS.download), count === 1 ? "Download image" : `Download ${count.toLocaleString("en")} images`))];
};
