const STATE_HINTS = { predicted: "No run has confirmed this path yet", missing: "The run did not give this" };

function render({ model, el }) {
  initRoot(el, "ig-output-tree");
  const id = randomId();
  const open = new Map(); // path -> whether it is unfolded; kept when another run is shown
  const label = h("b");
  const note = h("span", { class: "igw-tree-note" });
  const status = h("span", { role: "status" });
  const root = h("ul", { "aria-label": "Paths; arrow keys move between them", keydown: onKey,
    focusin: (event) => rove(event.target) });
  const folds = () => [...root.querySelectorAll("[aria-expanded]")];
  const anyFolded = () => folds().some((fold) => fold.getAttribute("aria-expanded") === "false");
  const foldAll = h("button", { type: "button", class: "igw-button", click: () => {
    const unfold = anyFolded();
    for (const fold of folds()) if ((fold.getAttribute("aria-expanded") === "true") !== unfold) fold.click();
  } });
  const nameFoldAll = () => setText(foldAll, anyFolded() ? "Unfold all" : "Fold all");
  el.append(h("div", { class: "igw-tree-head" }, label, note, foldAll, status), root);

  // One button of the tree is in the order of Tab; arrow keys move to the others: down and up to that of the next row,
  // right and left within the row.
  function rove(button) {
    const buttons = [...root.querySelectorAll("button")];
    const seen = buttons.filter((one) => !one.closest("ul[hidden]"));
    const one = seen.includes(button) ? button : seen.find((other) => other.tabIndex === 0) ?? seen[0];
    for (const other of buttons) other.tabIndex = other === one ? 0 : -1;
  }

  function onKey(event) {
    const row = event.target.closest(".igw-row");
    if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
    const rows = [...root.querySelectorAll(".igw-row")].filter((one) => !one.closest("ul[hidden]"));
    const to = arrowTarget(event.key, rows.indexOf(row), rows.length);
    const within = [...row.querySelectorAll("button")];
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key] ?? 0;
    const alike = event.target.matches(".igw-fold") ? ".igw-fold" : "button:last-child";
    const target = to < 0 ? step && within[within.indexOf(event.target) + step]
      : rows[to].querySelector(alike) ?? rows[to].querySelector("button");
    if (!target) return;
    target.focus();
    event.preventDefault();
  }

  async function copy(path) {
    const copied = await copyWithStatus(`{{${path}}}`, el);
    status.textContent = `${copied} ${model.get("copy_note")}`.trim();
  }

  function row(node, name, children, depth) {
    const text = `{{${node.path}}}`;
    const button = h("button", { type: "button", class: "igw-button igw-bare",
      title: `Copy variable path ${text}`, "data-path": node.path, click: () => copy(node.path) }, icon(COPY_ICON));
    const key = h("span", { class: "igw-key" }, name);
    const details = [
      node.value && h("span", { class: "igw-value", title: node.value }, node.value),
      h("span", { class: "igw-kind" }, node.type),
      STATE_HINTS[node.state] && h("span", { class: `igw-chip igw-chip-${node.state}`, title: STATE_HINTS[node.state] }, node.state),
      button,
    ];
    const look = node.state === "missing" ? "igw-missing" : null;
    if (!children.length) {
      return h("li", { class: look }, h("div", { class: "igw-row" }, h("span", { class: "igw-leaf" }, key), ...details));
    }
    const list = h("ul", { id: `${id}-${node.path}` }, children);
    const fold = h("button", { type: "button", class: "igw-fold", "aria-controls": list.id, "data-fold": node.path,
      click: () => {
        setFolded(fold.getAttribute("aria-expanded") === "true");
        rove(); // what was in the order of Tab may be folded away
        nameFoldAll();
      } }, icon("m6 3 5 5-5 5"), key);
    const setFolded = (folded) => {
      open.set(node.path, !folded);
      fold.setAttribute("aria-expanded", String(!folded));
      list.hidden = folded;
    };
    setFolded(!(open.get(node.path) ?? depth < 2));
    return h("li", { class: look }, h("div", { class: "igw-row" }, fold, ...details), list);
  }

  // Each node stands directly before its children.
  function branch(nodes, depth) {
    const rows = [];
    for (let index = 0; index < nodes.length;) {
      const node = nodes[index];
      let end = index + 1;
      while (end < nodes.length && nodes[end].path.startsWith(`${node.path}.`)) end += 1;
      const name = depth ? node.path.slice(node.path.lastIndexOf(".") + 1) : node.path;
      rows.push(row(node, name, branch(nodes.slice(index + 1, end), depth + 1), depth));
      index = end;
    }
    return rows;
  }

  function draw() {
    const focused = root.contains(focusNear(root)) && focusNear(root).dataset;
    label.textContent = model.get("label");
    note.textContent = model.get("copy_note");
    status.textContent = "";
    const rows = branch(model.get("nodes"), 0);
    foldAll.hidden = !rows.length;
    root.replaceChildren(...(rows.length ? rows : [h("li", null, "Nothing yet: run the step, or write a prompt.")]));
    nameFoldAll();
    const same = focused && [...root.querySelectorAll("button")].find((button) =>
      button.dataset.path === focused.path && button.dataset.fold === focused.fold);
    rove(same ?? null);
    if (same) same.focus({ preventScroll: true });
  }

  follow(model, ["nodes", "label", "copy_note"], draw);
}

export default { render };
