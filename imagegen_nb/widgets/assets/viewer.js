// The gallery's two dialogs: looking at one image, and comparing two.
const ICONS = {
  previous: "M10 3 5 8l5 5", next: "m6 3 5 5-5 5", close: "m4 4 8 8M12 4l-8 8",
  download: "M8 2v8M4.500 7 8 10.500 11.500 7M3 13.500h10", copy: "M6 6h7v7H6zM10 6V3H3v7h3",
  zoom: "M7 2.500a4.500 4.500 0 1 0 0 9 4.500 4.500 0 0 0 0-9M10.500 10.500 14 14M7 5v4M5 7h4",
  more: "M3.500 8h.010M8 8h.010M12.500 8h.010", note: "M8 2 1.500 13.500h13zM8 6.500V10M8 11.800v.010",
};

const action = (name, path, run, more) => h("button", { type: "button", class: "igw-button igw-bare",
  "aria-label": name, title: name, click: run, ...more }, icon(path));

// The tile of an image that is still being made.
const unfinished = (index, preview) => {
  const state = !preview ? "waiting" : preview.finished ? "arrived" : "unfinished";
  return h("li", { class: "igw-card igw-pending" },
    h("div", { class: "igw-open" }, preview && h("img", { src: preview.url, alt: `Image ${index + 1}, ${state}` })),
    h("div", { class: "igw-name" }, h("b", null, `Image ${index + 1}`), h("span", { class: "igw-chip" }, state)));
};

// The notebook's own menu would hide "Save image as…"; a click on the backdrop closes.
const modal = (name, ...children) => {
  const dialog = h("dialog", { class: `igw-dialog ${name}`, contextmenu: (event) => event.stopPropagation(),
    mousedown: (event) => event.target === dialog && dialog.close() }, h("div", null, ...children));
  return dialog;
};

const lightbox = ({ load, thumb, copy, download, closed }) => {
  let items = [];
  let at = 0;
  let whole = false; // 100 %: one pixel of the image is one of the screen
  const name = h("b");
  const count = h("span", { class: "igw-count", "aria-live": "polite" });
  const img = h("img", { click: () => zoom(!whole) });
  const gone = h("p", null, "Image stored elsewhere");
  const stage = h("div", { class: "igw-stage" }, img, gone);
  const status = h("span", { role: "status" });
  const alt = h("p");
  const facts = h("p");
  const size = h("button", { type: "button", class: "igw-button igw-zoom", "aria-pressed": "false",
    click: () => zoom(!whole) }, icon(ICONS.zoom), "100 %");
  const back = action("Previous image", ICONS.previous, () => go(-1));
  const on = action("Next image", ICONS.next, () => go(1));
  const path = action("Copy path", ICONS.copy, () => copy(items[at].path, status));
  const file = action("Download", ICONS.download, () => download(items[at], status));
  const dialog = modal("igw-lightbox",
    h("div", { class: "igw-top" }, name, count, status, h("div", { class: "igw-acts" }, size, path, file,
      action("Close", ICONS.close, () => dialog.close()))),
    h("div", { class: "igw-view" }, back, stage, on), h("div", { class: "igw-foot" }, alt, facts));
  dialog.addEventListener("close", () => closed(items[at].id));
  dialog.addEventListener("keydown", (event) => {
    // In a scrolled picture the arrows scroll.
    if (event.target === stage && whole) return;
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: items.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    go(to - at);
  });

  function go(by) {
    at = (at + by + items.length) % items.length;
    show();
  }

  function zoom(on) {
    whole = on;
    const { width, height } = items[at];
    const ratio = window.devicePixelRatio || 1;
    stage.classList.toggle("igw-whole", whole);
    size.setAttribute("aria-pressed", String(whole));
    for (const [key, value] of Object.entries(whole ? { tabindex: 0, role: "group", "aria-label": "Image at 100 %" } : {})) {
      stage.setAttribute(key, value);
    }
    if (!whole) ["tabindex", "role", "aria-label"].forEach((key) => stage.removeAttribute(key));
    const px = (length, by) => (length ? `${length / by}px` : "");
    Object.assign(img.style, whole ? { width: px(width, ratio), height: px(height, ratio), maxWidth: "none", maxHeight: "none" }
      : { width: "100%", height: "100%", maxWidth: px(width, 1), maxHeight: px(height, 1) });
  }

  function show() {
    const item = items[at];
    name.textContent = item.name;
    count.textContent = `${at + 1} of ${items.length}`;
    dialog.setAttribute("aria-label", `${item.name}, image ${at + 1} of ${items.length}`);
    alt.textContent = item.alt;
    facts.textContent = [...item.facts, ...item.more].join(" · ");
    status.textContent = "";
    img.alt = item.alt;
    img.hidden = size.hidden = file.hidden = item.missing;
    gone.hidden = !item.missing;
    path.hidden = !item.path;
    back.disabled = on.disabled = items.length < 2;
    zoom(false);
    if (item.missing) return;
    img.src = thumb(item);
    img.classList.add("igw-coming");
    status.textContent = "Loading…";
    const mine = (then) => (value) => item === items[at] && dialog.open && then(value);
    load(item.id).then(mine((full) => {
      img.src = full.url;
      img.classList.remove("igw-coming");
      status.textContent = "";
    }), mine((error) => {
      status.textContent = error.message;
    }));
  }

  return { dialog, open(list, index) {
    items = list;
    at = index;
    dialog.showModal();
    show();
    (items.length > 1 ? on : dialog.querySelector(".igw-acts :last-child")).focus();
  } };
};

const comparison = ({ load, thumb, closed }) => {
  let last = "";
  const title = h("b", null, "Compare");
  const sides = [0, 1].map(() => ({ img: h("img"), name: h("span") }));
  const status = h("span", { role: "status" });
  const range = h("input", { type: "range", min: 0, max: 100, step: 1, input: move });
  const slide = h("div", { class: "igw-slide" }, sides[1].img, sides[0].img,
    h("span", { class: "igw-divider", "aria-hidden": "true" }), range);
  const dialog = modal("igw-compare", h("div", { class: "igw-top" }, title, status,
    action("Close", ICONS.close, () => dialog.close())), slide,
  h("div", { class: "igw-foot" }, sides[0].name, sides[1].name));
  dialog.addEventListener("close", () => closed(last));
  range.after(h("i", { class: "igw-handle", "aria-hidden": "true" }));

  function move() {
    slide.style.setProperty("--igw-at", `${range.value}%`);
    range.setAttribute("aria-valuetext", `${range.value} % of ${sides[0].name.textContent}`);
  }

  return { dialog, open(pair) {
    last = pair[1].id;
    dialog.setAttribute("aria-label", `Compare ${pair[0].name} with ${pair[1].name}`);
    range.setAttribute("aria-label", `How much of ${pair[0].name} is shown`);
    status.textContent = "Loading…";
    const ratio = (pair[0].width || 1) / (pair[0].height || 1);
    Object.assign(slide.style, { aspectRatio: String(ratio), width: `min(100%, ${68 * ratio}vh)` });
    const coming = pair.map((item, index) => {
      const { img, name } = sides[index];
      Object.assign(img, { alt: item.alt, src: thumb(item) });
      name.textContent = `${"AB"[index]}: ${item.name}${item.run ? ` (${item.run})` : ""}`;
      return load(item.id).then((full) => { img.src = full.url; });
    });
    Promise.all(coming).then(() => { status.textContent = ""; },
      (error) => { status.textContent = error.message; });
    range.value = 50;
    move();
    dialog.showModal();
    range.focus();
  } };
};

