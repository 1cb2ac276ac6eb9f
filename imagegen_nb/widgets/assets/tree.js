const COPY = "M6 6h7v7H6zM10 6V3H3v7h3";
const WHY = { predicted: "No run has confirmed this path yet", missing: "The run did not give this" };

function render({ model, el }) {
  own(el, "ig-output-tree");
  const id = unique();
  const open = new Map(); // path -> whether it is unfolded, kept when another run is shown
  const label = h("b");
  const status = h("span", { role: "status" });
  const root = h("ul");
  const all = h("button", { type: "button", class: "igw-button", click: () => {
    const folds = [...root.querySelectorAll("[aria-expanded]")];
    const unfold = folds.some((fold) => fold.getAttribute("aria-expanded") === "false");
    for (const fold of folds) if ((fold.getAttribute("aria-expanded") === "true") !== unfold) fold.click();
  } }, "Unfold or fold all");
  el.append(h("div", { class: "igw-tree-head" }, label, all, status), root);

  async function copy(path) {
    const text = `{{${path}}}`;
    status.textContent = (await copyText(text, el)) ? `Copied ${text}` : `Copying is not allowed here: ${text}`;
  }

  function row(node, name, children, depth) {
    const text = `{{${node.path}}}`;
    const button = h("button", { type: "button", class: "igw-button igw-bare", "aria-label": `Copy path ${text}`,
      title: `Copy ${text}`, "data-path": node.path, click: () => copy(node.path) }, icon(COPY));
    const key = h("span", { class: "igw-key" }, name);
    const rest = [
      node.value && h("span", { class: "igw-value", title: node.value }, node.value),
      h("span", { class: "igw-kind" }, node.type),
      WHY[node.state] && h("span", { class: `igw-chip igw-chip-${node.state}`, title: WHY[node.state] }, node.state),
      button,
    ];
    const look = node.state === "missing" ? "igw-missing" : null;
    if (!children.length) {
      return h("li", { class: look }, h("div", { class: "igw-row" }, h("span", { class: "igw-leaf" }, key), ...rest));
    }
    const list = h("ul", { id: `${id}-${node.path}` }, children);
    const fold = h("button", { type: "button", class: "igw-fold", "aria-controls": list.id, "data-fold": node.path,
      click: () => turn(fold.getAttribute("aria-expanded") !== "true") }, icon("m6 3 5 5-5 5"), key);
    const turn = (unfolded) => {
      open.set(node.path, unfolded);
      fold.setAttribute("aria-expanded", String(unfolded));
      list.hidden = !unfolded;
    };
    turn(open.get(node.path) ?? depth < 2);
    return h("li", { class: look }, h("div", { class: "igw-row" }, fold, ...rest), list);
  }

  // The nodes come with each one directly before what it holds.
  function branch(nodes, depth) {
    const rows = [];
    for (let at = 0; at < nodes.length;) {
      const node = nodes[at];
      let end = at + 1;
      while (end < nodes.length && nodes[end].path.startsWith(`${node.path}.`)) end += 1;
      const name = depth ? node.path.slice(node.path.lastIndexOf(".") + 1) : node.path;
      rows.push(row(node, name, branch(nodes.slice(at + 1, end), depth + 1), depth));
      at = end;
    }
    return rows;
  }

  function draw() {
    const focus = root.contains(document.activeElement) && document.activeElement.dataset;
    label.textContent = model.get("label");
    status.textContent = "";
    const rows = branch(model.get("nodes"), 0);
    all.hidden = !rows.length;
    root.replaceChildren(...(rows.length ? rows : [h("li", null, "Nothing yet: run the step, or write a prompt.")]));
    const same = focus && [...root.querySelectorAll("button")].find((button) =>
      button.dataset.path === focus.path && button.dataset.fold === focus.fold);
    if (same) same.focus();
  }

  model.on("change:nodes", draw);
  model.on("change:label", draw);
  draw();
}

export default { render };
