// Two images to compare, by keys or by pointer. Nothing here knows what they are images of.
const VERDICTS = { 1: "left", 2: "right", "=": "tie" };
const SIDES = ["Left", "Right"];
const ENOUGH = "Enough for a ranking: sweep.ranking() shows it. More comparisons make it more certain.";
const EMULATED = "These images are emulated and name their model and settings: this is a rehearsal, not blind.";

function render({ model, el }) {
  initRoot(el, "ig-pair-rating");
  let pair = "";
  let busy = true; // until both images of the pair are there: nobody judges what he has not seen
  let urls = [];
  let gone = false;

  const status = h("p", { class: "igw-rating-status", role: "status" });
  const problem = h("p", { class: "igw-problem", role: "alert" });
  const bar = h("progress", { "aria-label": "Comparisons made", max: 1, value: 0 });
  const count = h("span", { class: "igw-rating-count" });

  const pictures = SIDES.map((side) => h("img", { alt: `${side} image`, draggable: "false" }));
  const lost = SIDES.map(() => h("span", { class: "igw-lost", hidden: true }, "This image cannot be read."));
  const frames = SIDES.map((side, index) => h("div", { class: "igw-rated", click: (event) => judgeBy(event, index + 1) }, pictures[index], lost[index]));
  const key = (name) => h("kbd", { "aria-hidden": "true" }, name);
  const choice = (name, label, shortcut) => {
    const button = actionButton("", "", label, (event) => judgeBy(event, name));
    button.prepend(key(name));
    button.setAttribute("aria-keyshortcuts", shortcut);
    return button;
  };
  const buttons = [choice("1", "Left is better", "1"), choice("=", "Equally good", "="), choice("2", "Right is better", "2")];
  const back = actionButton("igw-bare", "", "Undo", undo);
  back.append(key("⌫"));
  back.setAttribute("aria-keyshortcuts", "Backspace");
  const group = h("div", { role: "group", tabindex: "0", class: "igw-rating", "aria-label":
    "Which image is better? Press 1 for the left one, 2 for the right one, = for neither, Backspace to undo.", keydown: onKey },
    h("div", { class: "igw-rating-head" }, h("strong", null, "Which is better?"), bar, count, back),
    h("div", { class: "igw-pair" }, frames), h("div", { class: "igw-verdicts" }, buttons), status, problem);
  el.append(group);

  const ask = requester(model, () => {}, status);

  function onKey(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
    if (event.key in VERDICTS) judge(event.key);
    else if (event.key === "Backspace") undo();
    else return;
    event.preventDefault();
  }

  function show() {
    const off = busy || gone;
    buttons.forEach((button) => switchOff(button, off));
    switchOff(back, off || !model.get("view").done);
    group.setAttribute("aria-busy", String(busy && !gone));
  }

  // Sends what was decided. The images stay until the next ones are there: an empty place would flicker.
  async function send(type, more, said) {
    if (busy || gone) return;
    busy = true;
    show();
    setText(problem, "");
    try {
      await ask(type, more);
      setText(status, said);
    } catch (error) {
      setText(problem, error.message);
    }
    busy = false;
    await load();
  }

  function judge(name) {
    const verdict = VERDICTS[name];
    const words = { left: "Left is better", right: "Right is better", tie: "Equally good" };
    return send("judge", { pair, verdict }, `Kept: ${words[verdict].toLowerCase()}.`);
  }

  // The second of a double click would be the verdict on images that nobody has looked at.
  const judgeBy = (event, name) => event.detail < 2 && judge(name);

  function undo() {
    return isOff(back) ? undefined : send("undo", {}, "Undone: compare these again.");
  }

  async function load() {
    const view = model.get("view");
    bar.max = view.goal;
    bar.value = Math.min(view.done, view.goal);
    const enough = view.done >= view.goal;
    setText(count, enough ? `${view.done} comparisons` : `${view.done} of ${view.goal}`);
    if (view.pair === pair && urls.length) return show();
    const wanted = (pair = view.pair);
    busy = true;
    show();
    try {
      const [answer, buffers] = await ask("pictures", { pair: wanted });
      if (wanted !== pair) return; // another view has gone on meanwhile
      const next = answer.media.map((type, index) => type && URL.createObjectURL(new Blob([buffers[index]], { type })));
      await Promise.all(next.map((url, index) => draw(index, url)));
      urls.forEach((url) => url && URL.revokeObjectURL(url));
      urls = next;
      // The taller shape of the two: both places are as high as it needs.
      const shape = Math.max(...pictures.map((one) => one.naturalHeight / one.naturalWidth || 0));
      group.style.setProperty("--igw-shape", shape || 1);
      busy = false;
    } catch (error) {
      if (wanted !== model.get("view").pair) return load(); // another view has gone on meanwhile
      setText(problem, error.message);
    }
    if (enough) setText(status, ENOUGH);
    else if (!view.done && view.emulated) setText(status, EMULATED);
    group.dataset.pair = pair;
    show();
  }

  async function draw(index, url) {
    pictures[index].hidden = !url;
    lost[index].hidden = Boolean(url);
    if (!url) return pictures[index].removeAttribute("src");
    pictures[index].src = url;
    await pictures[index].decode().catch(() => {
      pictures[index].hidden = true;
      lost[index].hidden = false;
    });
  }

  const endWatch = watchKernel(model, () => {
    gone = true;
    ask.stop(KERNEL_GONE);
    el.classList.add("igw-gone");
    setText(status, "");
    setText(problem, "");
    group.before(kernelGoneNote());
    show();
  });
  model.on("change:view", () => busy || load());
  load();
  return () => {
    endWatch();
    urls.forEach((url) => url && URL.revokeObjectURL(url));
  };
}

export default { render };
