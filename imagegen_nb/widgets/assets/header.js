const PLAY_ICON = "M4.500 2.500v11l9-5.500z";
const CLOSE_ICON = "m4 4 8 8M12 4l-8 8";
const STOP_ICON = "M4 4h8v8H4z";

function render({ model, el }) {
  initRoot(el, "ig-header");
  const title = h("h3", { class: "ig-title", dir: "auto" });
  const cost = h("span", { class: "ig-cost" });
  const names = { run: h("span"), cancel: h("span") };
  const run = actionButton("ig-run igw-primary", PLAY_ICON, names.run, () => {
    flushForm(el);
    model.send({ type: "run" });
  });
  const cancel = actionButton("ig-cancel", STOP_ICON, names.cancel, () => !isOff(cancel) && model.send({ type: "cancel" }));
  const keys = h("kbd", { class: "ig-keys", "aria-hidden": "true" }, "Ctrl+Enter"); // the tooltip says it, which is read out
  const bar = h("progress", { class: "ig-progress", "aria-label": "Images that have arrived" });
  const elapsed = h("span", { class: "ig-elapsed", "aria-hidden": "true" }); // a screen reader would read each second
  const status = h("span", { class: "ig-status", role: "status" });
  const told = h("span", { role: "status" });
  const next = h("span");
  const more = h("span");
  const link = h("a");
  const close = actionButton("igw-bare", CLOSE_ICON, "", () => {
    answer("dismiss");
    run.focus(); // the button goes away
  });
  close.title = "Close this notice";
  close.setAttribute("aria-label", close.title);
  const notice = h("div", { class: "ig-notice" }, told, actionButton("", null, next, (event) => answer("next", event)),
    actionButton("", null, more, (event) => answer("more", event)), link, close);
  const payer = h("span", { class: "ig-key" });
  el.append(title, h("div", { class: "ig-actions" }, run, keys, cancel, bar, elapsed, status), notice,
    h("div", { class: "ig-money" }, payer, cost));

  let timer = 0;
  let offer = 0; // the number of the notice that is shown

  // What was offered may be over by now, and something else stand there: also for the second half of a double click.
  function answer(type, event) {
    if (!(event?.detail > 1)) model.send({ type, offer });
  }

  // `seconds` is how long it has been going on, null where nothing does.
  function followTime(seconds) {
    clearInterval(timer);
    if (seconds === null) return;
    const started = performance.now() - 1000 * seconds;
    const tick = () => setText(elapsed, `${Math.round((performance.now() - started) / 1000)} s`);
    timer = setInterval(tick, 1000);
    tick();
  }

  function show() {
    const view = model.get("view");
    setText(title, view.title);
    title.title = view.title; // of a long one two lines are shown
    setText(cost, view.cost);
    cost.hidden = !view.cost;
    setText(status, view.status);
    offer = view.offer;
    setText(told, view.notice.text);
    setText(next, view.notice.label);
    notice.classList.toggle("ig-none", !view.notice.text);
    next.parentElement.hidden = !view.notice.label;
    setText(more, view.more);
    more.parentElement.hidden = !view.more;
    const { name, data } = view.download;
    link.hidden = !data;
    if (data) {
      link.download = name;
      link.href = `data:application/json;base64,${data}`;
      setText(link, `Download ${name}`);
    }
    close.hidden = !view.notice.text && !view.notice.label;
    setText(payer, view.payer);
    payer.hidden = !view.payer;
    payer.classList.toggle("igw-note", !view.key_found);
    switchOff(run, view.run.disabled);
    switchOff(cancel, view.cancel.disabled);
    run.title = view.run.tooltip;
    setText(names.run, view.run.label);
    setText(names.cancel, view.cancel.label);
    bar.hidden = elapsed.hidden = view.elapsed === null;
    followTime(view.elapsed);
    bar.max = view.requested;
    // One request may bring all images at once: until the first is there, nobody knows how far it is.
    if (view.count) bar.value = view.count;
    else bar.removeAttribute("value");
  }

  follow(model, ["view"], show);
  return () => clearInterval(timer);
}

export default { render };
