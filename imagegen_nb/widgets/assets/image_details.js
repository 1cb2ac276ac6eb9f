// What is known of an image beside its picture: prompt, settings, file, and what somebody noted on it.
const NOTE_PAUSE = 900; // ms

// Asks for a run's prompt and settings once; `load(id)` takes the id of any of its images.
const runDetails = (ask) => {
  const runs = new Map();
  return (id) => {
    const run = id.slice(0, id.lastIndexOf("."));
    const known = runs.get(run) ?? ask("details", { id }).then(([answer]) => answer);
    runs.set(run, known);
    known.catch(() => runs.delete(run));
    return known;
  };
};

const term = (label, value) => h("div", null, h("dt", null, label), h("dd", { dir: "auto" }, value));

// `about` is what stands above all that: `show(item)` brings it up to date.
const detailsPane = ({ details, star, note, copy, use, usable, means, gone, about }) => {
  let item = null;
  let typed = null; // the item that the text in the field is for
  const starButton = h("button", { type: "button", class: "igw-button igw-starry", click: () => star(item, !item.starred) });
  const prompt = h("p", { dir: "auto", class: "igw-prompt-text" });
  const copyPrompt = h("button", { type: "button", class: "igw-button", click: () => copy(prompt.textContent) },
    icon(ICONS.copy), "Copy prompt");
  const template = h("p", { dir: "auto" });
  // The label is outside of what takes its direction from the text.
  const templateBox = h("div", { class: "igw-template" }, h("span", null, "Template:"), template);
  const settings = h("dl");
  const useButton = h("button", { type: "button", class: "igw-button igw-use", click: () => use(item) }, "Use these settings");
  const file = h("dl");
  const fileTitle = h("h3", null, "File");
  const lines = h("div", { class: "igw-copies" });
  const noteId = randomId();
  const field = h("textarea", { id: noteId, rows: 2, dir: "auto", maxlength: 2000, placeholder: "What you think of it",
    input: () => { setText(kept, ""); saving.later(); }, blur: () => saving.pending() && saving.flush() });
  const kept = h("span", { role: "status", class: "igw-kept" });
  const saving = debounce(NOTE_PAUSE, keep);
  const marks = h("div", { class: "igw-marks" }, h("label", { for: noteId }, "Note"), field, kept, starButton);
  const el = h("section", { class: "igw-details", "aria-label": "Prompt and settings", tabindex: "0" },
    about?.el, marks, h("h3", null, "Prompt"), prompt, templateBox, copyPrompt, h("h3", null, "Settings"), settings, useButton,
    fileTitle, file, lines);

  // What became of the text is told where it was typed, unless another image or text is there by then.
  function keep() {
    const [of, text] = [typed, field.value];
    const tell = (line) => typed.id === of.id && field.value === text && setText(kept, line);
    note(of, text).then(() => tell(text ? "Saved" : "Note removed"), (error) => tell(error.message));
  }

  function showDetails(found) {
    prompt.textContent = found.prompt || "Not known: the store keeps images, not their prompts.";
    copyPrompt.hidden = !found.prompt;
    template.textContent = found.template;
    templateBox.hidden = !found.template;
    settings.replaceChildren(...found.settings.map(([label, value]) => term(label, value)));
    settings.hidden = settings.previousElementSibling.hidden = !found.settings.length;
  }

  function refresh(next) {
    item = next;
    starButton.classList.toggle("igw-is-starred", Boolean(item.starred));
    if (starButton.textContent !== starTitle(item)) starButton.replaceChildren(icon(ICONS.star), starTitle(item));
    if (!saving.pending() && field.value !== item.note) field.value = item.note;
    marks.hidden = gone() || Boolean(item.reason);
    about?.show(item);
    useButton.hidden = gone() || !usable();
  }

  function show(next) {
    if (saving.pending()) saving.flush();
    if (typed?.id !== next.id) el.scrollTop = 0;
    typed = next;
    setText(kept, "");
    field.value = next.note;
    refresh(next);
    file.hidden = fileTitle.hidden = Boolean(next.reason);
    const { width, height } = next;
    file.replaceChildren(term("Name", next.name), ...(width ? [term("Pixels", `${width} × ${height}`)] : []),
      term("Details", [...next.facts.filter((fact) => fact !== `${width}×${height}`), ...next.more].join(" · ")));
    lines.replaceChildren(...[next.path && [copyPathLabel(means(next)), next.path], next.file && ["Copy file's path", next.file]].filter(Boolean)
      .map(([text, value]) => h("button", { type: "button", class: "igw-button", title: value, click: () => copy(value) },
        icon(ICONS.copy), text)));
    prompt.textContent = "…";
    const stillShown = (then) => (value) => item?.id === next.id && then(value);
    details(next.id).then(stillShown(showDetails), stillShown((error) => { prompt.textContent = error.message; }));
  }

  return { el, show, refresh, flush: () => saving.pending() && saving.flush(), focusNote: () => field.focus() };
};

