function render({ model, el }) {
  own(el, "ig-copy-button");
  const status = h("span", { role: "status" });
  const button = h("button", { type: "button", class: "igw-button", click: () => model.send({ type: "press" }) },
    icon("m5.500 4.500-3.500 3.500 3.500 3.500M10.500 4.500 14 8l-3.500 3.500"), model.get("label"));
  el.append(button, status);

  async function heard(told) {
    if (told.type !== "text") return;
    if (told.text === null) status.textContent = "";
    else status.textContent = (await copyText(told.text, el)) ? " Copied" : " Copying is not allowed here";
  }

  model.on("msg:custom", heard);
  return () => model.off("msg:custom", heard);
}

export default { render };
