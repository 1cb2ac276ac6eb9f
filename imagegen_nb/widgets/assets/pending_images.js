// The images that are still being made: tiles in the shape that was asked for, and pictures as they come.
const pendingTile = (index, preview, [width, height]) => {
  const state = !preview ? "waiting" : preview.finished ? "arrived" : "unfinished";
  return h("li", { class: `igw-card igw-pending igw-${state}`, ...shaped(ratioOf({ width, height })) },
    frame(h("div", { class: "igw-open" }, preview && h("img", { src: preview.url, alt: `Image ${index + 1}, ${state}` }))),
    h("div", { class: "igw-name" }, h("b", null, `Image ${index + 1}`), h("span", { class: "igw-chip" }, state)));
};

// The previews are those of one run, the one under way; the tiles of others that wait have none.
const pendingImages = (grid) => {
  const previews = new Map(); // index -> { url, finished }
  let making = ""; // id of the run that is under way

  function clear() {
    previews.forEach((preview) => URL.revokeObjectURL(preview.url));
    previews.clear();
  }

  return {
    clear,
    begin(run) {
      if (run !== making) clear();
      making = run;
    },
    tiles: (view) => Array.from({ length: view.pending }, (_, index) =>
      pendingTile(index, view.page === making ? previews.get(index) : undefined, view.asked)),
    countArrived: () => [...previews.values()].filter((preview) => preview.finished).length,
    receive({ index, finished }, buffers, { page, asked }) {
      URL.revokeObjectURL(previews.get(index)?.url);
      previews.set(index, { url: thumbnailUrl(buffers[0]), finished });
      if (page === making) grid.querySelectorAll(".igw-pending")[index]?.replaceWith(pendingTile(index, previews.get(index), asked));
    },
  };
};
