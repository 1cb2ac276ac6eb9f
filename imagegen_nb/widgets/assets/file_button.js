function render({ model, el }) {
  initRoot(el, "ig-file-button");
  const input = h("input", { type: "file", hidden: true, accept: model.get("accept"), change: async () => {
    const [file] = input.files;
    input.value = ""; // so that choosing the same file again is a change
    if (!file) return;
    const fits = file.size <= model.get("largest");
    model.send({ type: "file", name: file.name }, undefined, fits ? [await file.arrayBuffer()] : []);
  } });
  el.append(h("button", { type: "button", class: "igw-button", click: () => input.click() },
    icon("M8 10.500v-8M4.500 5.500 8 2l3.500 3.500M3 13.500h10"), model.get("label")), input);
}

export default { render };
