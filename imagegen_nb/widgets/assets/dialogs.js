// The gallery's two dialogs: one image at full size, and two images compared.
const DAMAGED = "The image's file is damaged.";

const lightbox = ({ load, thumbnail, find, copy, download, onClose }) => {
  let ids = [];
  let index = 0;
  let item = null; // null while nothing is known of the image
  let fullUrl = "";
  let fullSize = false; // 100 %: one pixel of the image is one pixel of the screen
  const name = h("b");
  const count = h("span", { class: "igw-count", "aria-live": "polite" });
  const img = h("img", { click: () => zoom(!fullSize), error: () => { if (img.src === fullUrl) status.textContent = DAMAGED; } });
  const missing = h("p", null, "Image stored elsewhere");
  const stage = h("div", { class: "igw-stage" }, img, missing);
  const status = h("span", { role: "status" });
  const alt = h("p");
  const facts = h("p");
  const zoomButton = h("button", { type: "button", class: "igw-button igw-zoom", "aria-pressed": "false",
    click: () => zoom(!fullSize) }, icon(ICONS.zoom), "100 %");
  const previous = iconButton("Previous image", ICONS.previous, () => go(-1));
  const next = iconButton("Next image", ICONS.next, () => go(1));
  const copyButton = iconButton("Copy path", ICONS.copy, () => item && copy(item.path, status));
  const downloadButton = iconButton("Download", ICONS.download, () => item && download(item, status));
  const dialog = modalDialog("igw-lightbox",
    h("div", { class: "igw-top" }, name, count, status, h("div", { class: "igw-dialog-actions" }, zoomButton, copyButton, downloadButton,
      iconButton("Close", ICONS.close, () => dialog.close()))),
    h("div", { class: "igw-view" }, previous, stage, next), h("div", { class: "igw-foot" }, alt, facts));
  dialog.addEventListener("close", () => onClose(ids[index]));
  dialog.addEventListener("keydown", (event) => {
    // In an image larger than the window, arrow keys scroll.
    if (event.target === stage && fullSize) return;
    const target = { ArrowLeft: index - 1, ArrowRight: index + 1, Home: 0, End: ids.length - 1 }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    go(target - index);
  });

  function go(by) {
    index = (index + by + ids.length) % ids.length;
    show();
  }

  function zoom(on) {
    if (!item) return;
    fullSize = on;
    const { width, height } = item;
    const ratio = window.devicePixelRatio || 1;
    stage.classList.toggle("igw-full-size", fullSize);
    zoomButton.setAttribute("aria-pressed", String(fullSize));
    for (const [key, value] of Object.entries(fullSize ? { tabindex: 0, role: "group", "aria-label": "Image at 100 %" } : {})) {
      stage.setAttribute(key, value);
    }
    if (!fullSize) ["tabindex", "role", "aria-label"].forEach((key) => stage.removeAttribute(key));
    const px = (length, by) => (length ? `${length / by}px` : "");
    Object.assign(img.style, fullSize ? { width: px(width, ratio), height: px(height, ratio), maxWidth: "none", maxHeight: "none" }
      : { width: "100%", height: "100%", maxWidth: px(width, 1), maxHeight: px(height, 1) });
  }

  async function show() {
    const id = ids[index];
    const stillShown = () => id === ids[index] && dialog.open;
    count.textContent = `${index + 1} of ${ids.length}`;
    previous.disabled = next.disabled = ids.length < 2;
    status.textContent = "Loading…";
    item = null;
    let found = null;
    try {
      found = await find(id);
    } catch (error) {
      if (stillShown()) status.textContent = error.message;
    }
    if (found && stillShown()) showItem(found, stillShown);
  }

  function showItem(found, stillShown) {
    item = found;
    name.textContent = item.name;
    dialog.setAttribute("aria-label", `${item.name}, image ${index + 1} of ${ids.length}`);
    alt.textContent = item.alt;
    facts.textContent = [...item.facts, ...item.more].join(" · ");
    status.textContent = "";
    img.alt = item.alt;
    img.hidden = zoomButton.hidden = downloadButton.hidden = item.missing;
    missing.hidden = !item.missing;
    copyButton.hidden = !item.path;
    zoom(false);
    if (item.missing) return;
    if (thumbnail(item)) img.src = thumbnail(item);
    else img.removeAttribute("src");
    img.classList.add("igw-loading");
    status.textContent = "Loading…";
    const ifStillShown = (then) => (value) => stillShown() && then(value);
    load(item.id).then(ifStillShown((full) => {
      fullUrl = img.src = full.url;
      img.classList.remove("igw-loading");
      status.textContent = full.damaged ? DAMAGED : "";
    }), ifStillShown((error) => {
      status.textContent = error.message;
    }));
  }

  return { dialog, open(list, start) {
    ids = list;
    index = start;
    dialog.showModal();
    show();
    (ids.length > 1 ? next : dialog.querySelector(".igw-dialog-actions :last-child")).focus();
  } };
};

const comparison = ({ load, thumbnail, onClose }) => {
  let lastShown = "";
  const title = h("b", null, "Compare");
  const sides = [0, 1].map(() => ({ img: h("img"), name: h("span") }));
  const status = h("span", { role: "status" });
  const range = h("input", { type: "range", min: 0, max: 100, step: 1, input: move });
  const slide = h("div", { class: "igw-slide" }, sides[1].img, sides[0].img,
    h("span", { class: "igw-divider", "aria-hidden": "true" }), range);
  const dialog = modalDialog("igw-compare", h("div", { class: "igw-top" }, title, status,
    iconButton("Close", ICONS.close, () => dialog.close())), slide,
  h("div", { class: "igw-foot" }, sides[0].name, sides[1].name));
  dialog.addEventListener("close", () => onClose(lastShown));
  range.after(h("i", { class: "igw-handle", "aria-hidden": "true" }));

  function move() {
    slide.style.setProperty("--igw-at", `${range.value}%`);
    range.setAttribute("aria-valuetext", `${range.value} % of ${sides[0].name.textContent}`);
  }

  return { dialog, open(pair) {
    lastShown = pair[1].id;
    dialog.setAttribute("aria-label", `Compare ${pair[0].name} with ${pair[1].name}`);
    range.setAttribute("aria-label", `How much of ${pair[0].name} is shown`);
    status.textContent = "Loading…";
    const ratio = (pair[0].width || 1) / (pair[0].height || 1);
    Object.assign(slide.style, { aspectRatio: String(ratio), width: `min(100%, ${68 * ratio}vh)` });
    const loading = pair.map((item, index) => {
      const { img, name } = sides[index];
      Object.assign(img, { alt: item.alt, src: thumbnail(item) });
      name.textContent = `${"AB"[index]}: ${item.name}${item.run ? ` (${item.run})` : ""}`;
      return load(item.id).then((full) => { img.src = full.url; });
    });
    Promise.all(loading).then(() => { status.textContent = ""; },
      (error) => { status.textContent = error.message; });
    range.value = 50;
    move();
    dialog.showModal();
    range.focus();
  } };
};

