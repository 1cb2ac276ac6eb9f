// What the gallery tells of the run that is shown beside its images: how it goes, what went wrong, and the buttons
// for it, which Python offers.

const SECOND = 1000; // ms

const runParts = (act) => {
  const error = h("div", { class: "igw-run-error" });
  const note = h("p", { class: "igw-run-note", role: "status" });
  const mark = h("p", { class: "igw-mark-note" });
  const elapsed = h("span", { class: "igw-elapsed" });
  const track = h("div", { role: "progressbar", "aria-label": "Making the images", class: "igw-track" }, h("div"));
  const progress = h("div", { class: "igw-progress" }, track, elapsed);
  const buttons = h("div", { class: "igw-run-actions", role: "group", "aria-label": "This run" });
  const redraw = redrawer();
  let began = 0;
  let timer = 0;

  function showTime() {
    elapsed.textContent = `${Math.max(Math.round((performance.now() - began) / SECOND), 0)} s`;
  }

  const errorParts = (view) => (view.error ? [h("div", { role: "alert", class: "igw-alert" },
    h("p", { dir: "auto" }, h("b", null, view.error.what), ` ${view.error.remedy}`),
    view.error.details.length > 0 && h("details", null, h("summary", null, "Details"),
      h("ul", null, ...view.error.details.map((line) => h("li", { dir: "auto" }, line)))))] : []);

  const buttonParts = (view) => view.actions.map(({ key, label, hint }) => h("button", { type: "button",
    class: "igw-button", title: hint || null, "data-key": `act ${key}`, "data-of": view.page, click: () => act(view.page, key) }, label));

  // Until the first image is there nobody knows how far a run is: then the bar only moves.
  function showArrived(count, total) {
    progress.classList.toggle("igw-unknown", !count);
    track.firstChild.style.width = count ? `${(100 * count) / total}%` : "";
    if (count) ["valuemin", "valuemax", "valuenow"].forEach((name, index) => track.setAttribute(`aria-${name}`, [0, total, count][index]));
    else ["valuemin", "valuemax", "valuenow"].forEach((name) => track.removeAttribute(`aria-${name}`));
  }

  function show(view, arrived, gone) {
    redraw(error, [view.page, view.error], () => errorParts(view));
    setText(mark, view.mark ? "" : view.mark_note); // a pill above says it, and this beside it
    redraw(buttons, [view.page, view.actions], () => buttonParts(view));
    buttons.hidden = gone || !view.actions.length;
    progress.hidden = gone || view.elapsed == null;
    clearInterval(timer);
    if (progress.hidden) return;
    began = performance.now() - view.elapsed * SECOND;
    timer = setInterval(showTime, SECOND);
    showTime();
    showArrived(arrived, view.pending);
  }

  return {
    elements: [error, mark, note, progress, buttons], show, showArrived,
    showNote: (text) => { note.textContent = text; },
    stop: () => clearInterval(timer),
  };
};

// What was done, with its way back, is told above the prompt, by another widget and perhaps a moment later.
const revealNotice = (form, tries = 20) => {
  const notice = form.querySelector(".ig-notice");
  if (notice?.checkVisibility()) notice.scrollIntoView({ block: "nearest" });
  else if (tries) setTimeout(revealNotice, 50, form, tries - 1);
};

// In a form, what a run's settings went into: the tab is changed by another widget, perhaps a moment later.
const focusSettings = (el, tries = 20) => {
  const prompt = el.closest(".ig-form")?.querySelector(".ig-prompt textarea");
  if (!prompt || !tries) return;
  if (prompt.offsetParent) {
    prompt.focus();
    // Later, and once more: the fields that are filled meanwhile change their height, and the browser keeps the caret in sight.
    for (const pause of [300, 1000]) setTimeout(revealNotice, pause, el.closest(".ig-form"));
  }
  else setTimeout(focusSettings, 50, el, tries - 1);
};
