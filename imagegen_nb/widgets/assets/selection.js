// Asks for the second image of a comparison. It stays in sight, and is read out once.
const compareBar = (cancel) => {
  const text = h("b", { role: "status" });
  const el = h("div", { class: "igw-selection", role: "group", "aria-label": "Compare" }, text,
    textButton("cancel", cancel, "Cancel"));
  return { el, show: (first) => {
    el.hidden = !first;
    setText(text, first ? `Pick the image to compare with ${first.name}.` : "");
  } };
};

// The images that were chosen, of any run, and what can be done with them.
const selectionBar = ({ shown, onChange, compare, download, remove }) => {
  const chosen = new Map(); // id -> name
  const text = h("b", { role: "status" });
  // Where there is little room, of a button's name only the icon is seen.
  const button = (key, path, label, click) =>
    Object.assign(textButton(`chosen ${key}`, click, icon(path), h("span", null, label)), { title: label });
  const compareButton = button("compare", ICONS.compare, "Compare", () => compare([...chosen.keys()]));
  const removeButton = button("remove", ICONS.remove, "Remove", () => remove([...chosen.keys()]));
  const el = h("div", { class: "igw-selection", role: "group", "aria-label": "Selected images" }, text,
    compareButton, button("download", ICONS.download, "Download", () => download([...chosen.keys()])),
    removeButton, button("none", ICONS.close, "Select none", () => clear()));

  // What is chosen in other runs is out of sight, and the buttons mean it too.
  function describe() {
    const inSight = new Set(shown());
    const elsewhere = [...chosen.keys()].filter((id) => !inSight.has(id)).length;
    const runs = elsewhere === 1 ? "another run" : "other runs";
    const some = chosen.size === 1 ? "" : `${elsewhere < chosen.size ? elsewhere : "all"} `;
    const more = chosen.size === 1 ? ": one more to compare" : "";
    setText(text, `${chosen.size} selected${elsewhere ? ` (${some}in ${runs})` : ""}${more}`);
    removeButton.title = elsewhere && chosen.size > 1 ? `Remove all ${chosen.size}` : "Remove";
    setText(removeButton.lastChild, removeButton.title);
  }

  function changed(ids) {
    el.hidden = !chosen.size;
    compareButton.hidden = chosen.size !== 2;
    describe();
    onChange(ids);
  }

  function toggle(id, name) {
    if (!chosen.delete(id)) chosen.set(id, name);
    changed([id]);
  }

  function clear() {
    const ids = [...chosen.keys()];
    chosen.clear();
    if (ids.length) changed(ids);
  }

  el.hidden = true;
  return { el, toggle, clear, refresh: () => chosen.size && describe(), has: (id) => chosen.has(id), any: () => chosen.size > 0 };
};

