// All runs have the same paths, which mean the output: that is said before one is copied beside another run.
const copyPathLabel = (means) => (means ? `Copy variable path (of run ${means}, the output)` : "Copy variable path");

// What is done with images, from cards, menus, dialogs and the selection alike. `state` tells whether the kernel is
// gone, and the image that another one is to be compared with; `late()` gives what is made later.
const galleryActions = ({ el, ask, request, files, source, state, find, showStatus, showError, late }) => {
  // Whether it was copied.
  async function copy(text, place) {
    const told = await copyWithStatus(text, place?.closest("dialog") ?? el);
    const copied = told.startsWith("Copied");
    // The paths of all runs are the same, and mean the output.
    showStatus(text.startsWith("{{") ? [told, late().pathNote].filter(Boolean).join(". ") : told, place);
    return copied;
  }

  function download(item, place) {
    files.load(item.id).then((file) => {
      saveAs(file.url, file.name);
      showStatus(`Downloaded ${file.name}`, place);
    }, (error) => showStatus(error.message, place));
  }

  // Some as one file, or all that are shown.
  function downloadAll(ids, page) {
    ask("zip", { ids, page }).then(([answer, buffers]) => {
      saveBytes(buffers, "application/zip", answer.name);
      showStatus(answer.text);
    }, showError);
  }

  // All that are shown; a single one needs no archive.
  function downloadShown(view) {
    if (view.count - view.removed.length === 1 && view.items.length) download(view.items[0]);
    else downloadAll(null, view.page);
  }

  function compare(item) {
    const { first } = state;
    state.first = first ? null : item;
    if (first && first.id !== item.id) late().comparer.open([first, item]);
    late().draw();
  }

  function endComparing() {
    const { first } = state;
    const inBar = focusNear(el)?.closest(".igw-selection");
    state.first = null;
    late().draw();
    if (inBar) late().focusImage(first.id);
  }

  // An image is not compared with itself.
  function compareEntry(item) {
    const { first } = state;
    if (first?.id === item.id) return ["Do not compare", endComparing];
    return [first ? `Compare with ${first.name}` : "Compare…", () => compare(item)];
  }

  function compareChosen(ids) {
    Promise.all(ids.map(find)).then((pair) => late().comparer.open(pair), showError);
  }

  function remove(ids) {
    late().focusNext("undo");
    if (ids.includes(state.first?.id)) state.first = null;
    late().selection.clear();
    request("remove", { ids });
  }

  // The focus goes to what came back.
  function undo(removal) {
    request("undo", { removal }).then((answer) => answer?.ids.length && late().focusImage(answer.ids[0]));
  }

  // Shown before the kernel has heard of it.
  function star(item, on) {
    source.hold(item.id, { starred: on }, ask("star", { id: item.id, on })).catch(showError);
  }

  function note(item, text) {
    const kept = source.hold(item.id, { note: text }, ask("note", { id: item.id, text }));
    kept.catch(showError); // who closes the dialog sees it too
    return kept;
  }

  const use = (item) => request("use", { id: item.id });

  // The entries of an image's menu. What would ask the kernel is not offered without one.
  function entries(item) {
    const { selection, usable } = late();
    return [
      item.path && [copyPathLabel(late().pathRun), () => copy(item.path)],
      item.file && ["Copy file's path", () => copy(item.file)],
      ...(state.gone ? [] : [
        [starTitle(item), () => star(item, !item.starred)],
        [item.note ? "Edit the note…" : "Note…", () => late().openNote(item)],
        [selection.has(item.id) ? "Remove from the selection" : "Select", () => selection.toggle(item.id, item.name)],
        usable && ["Use these settings", () => use(item)]]),
      !item.missing && compareEntry(item),
      !state.gone && ["Remove", () => remove([item.id])],
    ];
  }

  return { copy, download, downloadAll, downloadShown, compare, endComparing, compareChosen, remove, undo, star, note, use, entries };
};

