// The images that are still being made: tiles in the shape that was asked for, and pictures as they come.
const pendingTile = (index, preview, [width, height]) => {
  const state = !preview ? "waiting" : preview.finished ? "arrived" : "unfinished";
  return h("li", { class: `igw-card igw-pending igw-${state}`, ...shaped(ratioOf({ width, height })) },
    h("div", { class: "igw-frame" }, h("div", { class: "igw-open" },
      preview && h("img", { src: preview.url, alt: `Image ${index + 1}, ${state}` }))),
    h("div", { class: "igw-name" }, h("b", null, `Image ${index + 1}`), h("span", { class: "igw-chip" }, state)));
};

const pendingImages = (grid) => {
  const previews = new Map(); // index -> { url, finished }
  return {
    tiles: (view) => Array.from({ length: view.pending }, (_, index) => pendingTile(index, previews.get(index), view.asked)),
    receive({ index, finished }, buffers, asked) {
      URL.revokeObjectURL(previews.get(index)?.url);
      previews.set(index, { url: thumbnailUrl(buffers[0]), finished });
      grid.querySelectorAll(".igw-pending")[index]?.replaceWith(pendingTile(index, previews.get(index), asked));
    },
    clear() {
      previews.forEach((preview) => URL.revokeObjectURL(preview.url));
      previews.clear();
    },
  };
};

