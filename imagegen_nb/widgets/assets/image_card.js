// The card of an image in the grid: picture, name, facts, and what can be done with it.
// A picture that is less wide than its place stands in the middle of it, on a ground that shows what its place is.
const frame = (...parts) => h("div", { class: "igw-ground" }, h("div", { class: "igw-frame" }, ...parts));

// The card of an image that nothing is known of yet.
const emptyCard = (id) => {
  const name = `Image ${Number(id.slice(id.lastIndexOf(".") + 1)) + 1}`;
  // A button, so that the keys come here too, and are here still when the image has been loaded.
  return h("li", { class: "igw-card igw-unloaded" },
    frame(h("button", { type: "button", class: "igw-open", "data-key": `open ${id}`, "aria-label": `${name}, loading` })),
    // As high as the card of an image that is known: the list is measured by any of them.
    h("div", { class: "igw-meta" }, h("div", { class: "igw-name" }, h("b", null, name)), h("div", { class: "igw-facts" }, "\u00a0"),
      h("div", { class: "igw-card-actions" })));
};

// A path, which the button around it is named after. Where there is little room its middle is cut: the step is always
// named, and which image it is.
const pathText = (path) => {
  const [, step, middle, rest] = path.match(/^([^.]*)(.*?)((?:assets.*)?)$/);
  return h("code", { "aria-hidden": "true" }, h("span", null, step), h("span", { class: "igw-cut" }, middle), h("span", null, rest));
};

const COPIED = 2000; // ms for which a button says so

// Says it at the button itself; what is read out stands in the status.
const sayCopied = (button) => {
  button.querySelector(".igw-copied")?.remove();
  const said = h("span", { class: "igw-copied", "aria-hidden": "true" }, icon(ICONS.check), "Copied");
  button.append(said);
  button.classList.add("igw-says");
  setTimeout(() => {
    if (said.isConnected) button.classList.remove("igw-says");
    said.remove();
  }, COPIED);
};

// `means` is the run that the path leads to, where that is not the one it stands below.
const pathButton = ({ id, path }, { means, copy }) => {
  const says = `Copy variable path ${path}${means ? ` means run ${means}, the output, and not this image` : ""}`;
  return h("button", { type: "button", class: `igw-button igw-path${means ? " igw-elsewhere" : ""}`, title: says,
    "data-key": `path ${id}`, click: async ({ currentTarget: button }) => await copy(path) && sayCopied(button) },
  icon(ICONS.copy), pathText(path), means ? [" ", h("em", { "aria-hidden": "true" }, `means run ${means}`)] : null);
};

// What lies over a picture: on the right, because the emulator writes what it is on the left.
const overlays = (item, { chosen, choose, star }) => [
  h("label", { class: "igw-pick", title: "Select" }, h("input", { type: "checkbox", checked: chosen, "aria-label": `Select ${item.name}`,
    "data-key": `pick ${item.id}`, change: choose })),
  iconButton(`Star ${item.name}`, ICONS.star, star, { class: "igw-button igw-bare igw-star igw-starry", "data-key": `star ${item.id}`,
    title: starTitle(item), "aria-pressed": String(Boolean(item.starred)) })];

// What is dragged into a folder has the name of a download, and where only the thumbnail is here, says so.
const nameDragged = ({ dataTransfer, target }, { saved_as: name }) => {
  const file = target.dataset.whole ? name : `${name.replace(/\.[^.]*$/, "")}-small.webp`;
  dataTransfer.setData("DownloadURL", `application/octet-stream:${file}:${target.src}`);
};

const imageCard = (item, { means, first, chosen, url, gone, open, menu, copy, download, choose, star }) => {
  const picture = item.missing || item.damaged
    ? h("span", { class: "igw-missing-image" }, item.missing ? "Image stored elsewhere" : "The image is damaged")
    : h("img", { src: url || null, alt: item.alt, contextmenu: (event) => event.stopPropagation(),
      dragstart: (event) => nameDragged(event, item) });
  const label = `More for ${item.name}`;
  const more = iconButton(label, ICONS.more, () => menu(more, label),
    { "data-key": `more ${item.id}`, "aria-haspopup": "menu", "aria-expanded": "false" });
  const look = ["igw-card", first && "igw-first", chosen && "igw-chosen", item.starred && "igw-starred"].filter(Boolean).join(" ");
  return h("li", { class: look, ...shaped(ratioOf(item)) },
    frame(h("button", { type: "button", class: "igw-open", "data-key": `open ${item.id}`, click: open }, picture),
      // The bar that asks may be out of sight, the card whose menu was used is not.
      first && h("span", { class: "igw-asks", "aria-hidden": "true" }, "Pick the image to compare with"),
      !gone && overlays(item, { chosen, choose, star })),
    h("div", { class: "igw-meta" },
      h("div", { class: "igw-name" }, h("b", { title: item.name, dir: "auto" }, fileName(item.name))),
      h("div", { class: "igw-facts" }, item.facts.map((fact) => fact.replaceAll(" ", "\u00a0")).join(" · ")),
      item.note && h("div", { class: "igw-remark", dir: "auto", title: item.note }, item.note),
      h("div", { class: "igw-card-actions" },
        item.path && pathButton(item, { means, copy }),
        !item.missing && !gone && iconButton(`Download ${item.name}`, ICONS.download, () => download(item),
          { "data-key": `get ${item.id}` }), more)));
};

