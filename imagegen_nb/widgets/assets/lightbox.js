// One image, as large as the window, with its prompt and settings beside it. Where an item has a `reason`, there is no
// image, and that is why. `about` stands above what is beside the picture, `acts` are more functions of an item by key.
const DAMAGED = "The image's file is damaged.";

const lightbox = ({ load, thumbnail, find, copy, download, star, note, use, usable, means, details, gone, onClose, about, acts = {}, keys = KEYS_OF_VIEWER }) => {
  let ids = [];
  let index = 0;
  let among = ""; // what the images are that are gone through, where a filter might be thought to choose them
  let item = null; // null while nothing is known of the image
  let fullUrl = "";
  const name = h("b", { dir: "auto" });
  const count = h("span", { class: "igw-count", "aria-live": "polite" });
  const status = h("span", { role: "status" });
  const img = h("img", { draggable: "false", error: () => { if (img.src === fullUrl) status.textContent = DAMAGED; } });
  const missing = h("p", null, "Image stored elsewhere");
  const stage = h("div", { class: "igw-stage", tabindex: "0", role: "group" }, img, missing);
  const buttons = zoomButtons(() => view);
  const view = zoomView(stage, [{ box: stage, img, size: () => [item?.width, item?.height] }], {
    onChange: zoomed, onClick: (event) => item && !item.missing && (view.isFitted() ? view.full(event) : view.fit()) });
  const pane = detailsPane({ details, star, note, copy: (text) => copy(text, status), usable, means, gone, about,
    use: (shown) => {
      dialog.close(); // where they go is behind it
      use(shown);
    } });
  const previous = iconButton("Previous image", ICONS.previous, () => go(-1), { title: "Previous image (←)" });
  const next = iconButton("Next image", ICONS.next, () => go(1), { title: "Next image (→)" });
  const downloadButton = iconButton("Download image", ICONS.download, () => item && download(item, status));
  const starButton = iconButton("Star", ICONS.star, () => item && star(item, !item.starred),
    { class: "igw-button igw-bare igw-starry", "aria-pressed": "false", title: "Star (s)" });
  const detailsButton = iconButton("Prompt and settings", ICONS.info, () => showPane(pane.el.hidden),
    { "aria-pressed": "true", title: "Prompt and settings (i)" });
  const screenButton = document.fullscreenEnabled && iconButton("Full screen", ICONS.screen, fullScreen,
    { "aria-pressed": "false", title: "Full screen (f)" });
  const help = keyHelp(keys);
  const dialog = modalDialog("igw-lightbox",
    h("div", { class: "igw-top" }, name, count, status, h("div", { class: "igw-dialog-actions" }, buttons.group, starButton,
      downloadButton, detailsButton, screenButton, help.button, closeButton(() => dialog.close()))),
    h("div", { class: "igw-body" }, h("div", { class: "igw-view" }, previous, stage, next), pane.el), help.pop);
  const whole = dialog.firstElementChild; // a dialog itself cannot fill the screen
  dialog.addEventListener("close", () => {
    pane.flush();
    if (document.fullscreenElement === whole) document.exitFullscreen();
    onClose(ids[index]);
  });
  dialog.addEventListener("keydown", onKey);
  whole.addEventListener("fullscreenchange", () =>
    screenButton.setAttribute("aria-pressed", String(document.fullscreenElement === whole)));

  function onKey(event) {
    // Beside the picture keys are for reading and typing.
    if (pane.el.contains(event.target) || help.onKey(event) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (item && !item.missing && view.onKey(event)) return;
    const target = { ArrowLeft: index - 1, ArrowRight: index + 1, Home: 0, End: ids.length - 1 }[event.key];
    const ofItem = (does) => does && (() => item && !gone() && does(item));
    const ofImage = (does) => ofItem((shown) => shown.reason || does(shown));
    const act = { f: fullScreen, i: () => showPane(pane.el.hidden), n: ofImage(toNote),
      s: ofImage((shown) => star(shown, !shown.starred)) }[event.key] ?? ofItem(acts[event.key]);
    if (target === undefined && !act) return;
    event.preventDefault();
    if (act) act();
    else if (target !== index) go(target - index);
  }

  function fullScreen() {
    if (!screenButton) return;
    if (document.fullscreenElement === whole) document.exitFullscreen();
    else whole.requestFullscreen().catch((error) => { status.textContent = error.message; });
  }

  function showPane(on) {
    pane.el.hidden = !on;
    detailsButton.setAttribute("aria-pressed", String(on));
  }

  function toNote() {
    showPane(true);
    pane.focusNote();
  }

  function go(by) {
    index = (index + by + ids.length) % ids.length;
    show();
  }

  function zoomed() {
    buttons.refresh();
    const larger = stage.classList.contains("igw-zoomed");
    stage.setAttribute("aria-label", larger ? "Enlarged image: arrow keys move it" : "Image: plus and minus keys zoom");
  }

  async function show() {
    const id = ids[index];
    const stillShown = () => id === ids[index] && dialog.open;
    count.textContent = [`${index + 1} of ${ids.length}`, among].filter(Boolean).join(" ");
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

  function refresh(changed) {
    if (item?.id !== changed.id) return;
    item = changed;
    starButton.setAttribute("aria-pressed", String(Boolean(item.starred)));
    starButton.title = `${starTitle(item)} (s)`;
    starButton.hidden = gone() || Boolean(item.reason);
    pane.refresh(item);
  }

  function showItem(found, stillShown) {
    item = found;
    name.replaceChildren(...(item.heading ? [item.heading] : fileName(item.name).filter(Boolean)), among && item.run ? ` (${item.run})` : "");
    dialog.setAttribute("aria-label", `${item.heading ?? item.name}, image ${index + 1} of ${ids.length}`);
    status.textContent = "";
    img.alt = item.alt;
    img.hidden = buttons.group.hidden = item.missing;
    downloadButton.hidden = item.missing || gone();
    missing.hidden = !item.missing;
    setText(missing, item.reason || "Image stored elsewhere");
    refresh(item);
    pane.show(item);
    view.reset();
    if (item.missing) return;
    if (thumbnail(item)) img.src = thumbnail(item);
    else img.removeAttribute("src");
    img.classList.add("igw-loading");
    status.textContent = "Loading…";
    const ifStillShown = (then) => (value) => {
      if (!stillShown()) return;
      img.classList.remove("igw-loading");
      then(value);
    };
    load(item.id).then(ifStillShown((full) => {
      fullUrl = img.src = full.url;
      status.textContent = full.damaged ? DAMAGED : "";
    }), ifStillShown((error) => {
      status.textContent = error.message;
    }));
  }

  // The images are others now, of which the one at `start` takes the place of the one that is shown.
  function replace(list, start) {
    ids = list;
    index = start;
    show();
  }

  return { dialog, refresh, replace, shown: () => ids[index], open(list, start, { atNote = false, among: which = "" } = {}) {
    ids = list;
    index = start;
    among = which;
    showPane(atNote || innerWidth > 760 || innerHeight > 700);
    dialog.showModal();
    pane.el.scrollTop = 0; // what was read last time is of no account
    show();
    if (atNote) pane.focusNote();
    else dialog.focus(); // no button: Enter would press it
  } };
};

