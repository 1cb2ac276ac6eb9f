// What of the history is listed: stars, one model, words, and the runs of the whole notebook. Python does the finding.
const TYPING_PAUSE = 300; // ms

// `onChange` is called when something else is to be listed.
const historyFilter = (onChange) => {
  const toggle = (key, path, label) => {
    const button = h("button", { type: "button", class: "igw-button", "aria-pressed": "false", "data-key": `history ${key}`,
      click: () => {
        button.setAttribute("aria-pressed", String(!isOn(button)));
        onChange();
      } }, path && icon(path), label);
    return button;
  };
  const isOn = (button) => button.getAttribute("aria-pressed") === "true";
  const redraw = redrawer();
  const typing = debounce(TYPING_PAUSE, onChange);
  const starred = toggle("starred", ICONS.star, "Starred");
  starred.classList.add("igw-starry");
  const others = toggle("others", "", "Whole notebook");
  const model = h("select", { "aria-label": "Model", "data-key": "history model", change: () => onChange() });
  const label = "Find in prompts, names, notes";
  const text = h("input", { type: "search", placeholder: label, "aria-label": label, "data-key": "history text", dir: "auto",
    input: () => typing.later(), keydown: (event) => event.key === "Enter" && typing.flush() });
  const count = h("span", { role: "status", class: "igw-matches" });
  const clear = h("button", { type: "button", class: "igw-button", "data-key": "history clear", hidden: true,
    click: () => {
      starred.setAttribute("aria-pressed", "false");
      model.value = text.value = "";
      text.focus(); // the button goes away
      onChange();
    } }, "Clear the filter");

  const query = () => ({ starred: isOn(starred), others: isOn(others), model: model.value, text: text.value.trim() });

  const counted = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
  const shownCount = (images, runs) => (runs ? `${counted(images, "image")} in ${counted(runs, "run")}` : "Nothing found");

  // How many were found, and which models there are to choose from. A run without images is found as well.
  function show({ images, runs, models }) {
    const { value } = model;
    const names = [["", "All models"], ...models.map((name) => [name, name])];
    redraw(model, names, () => names.map(([name, shown]) => h("option", { value: name }, shown))); // it may be open
    const still = models.includes(value) ? value : "";
    if (model.value !== still) model.value = still;
    model.hidden = models.length < 2;
    const { starred: some, text: words } = query();
    const isOn = some || words || model.value;
    count.textContent = isOn ? shownCount(images, runs) : "";
    clear.hidden = !isOn || runs > 0;
  }

  return { el: h("div", { class: "igw-filter" }, starred, others, model, text, count, clear), query, show,
    offerOthers: (on) => { others.hidden = !on; }, stop: () => typing.cancel() };
};

