function render({ model, el }) {
  initRoot(el, "ig-copy-button");
  const status = h("span", { role: "status" });
  const button = h("button", { type: "button", class: "igw-button", click: () => model.send({ type: "press" }) },
    icon("m5.500 4.500-3.500 3.500 3.500 3.500M10.500 4.500 14 8l-3.500 3.500"), model.get("label"));
  el.append(button, status);

  async function receive(message) {
    if (message.type !== "text") return;
    if (message.text === null) status.textContent = "";
    else status.textContent = (await copyText(message.text, el)) ? " Copied" : " Copying is not allowed here";
  }

  model.on("msg:custom", receive);
  return () => model.off("msg:custom", receive);
}

export default { render };
