// The images that are still being made: tiles in the shape that was asked for, and pictures as they come.
// That an image has arrived is known a moment before its picture is.
const pendingTile = (index, preview, hasArrived, [width, height]) => {
  const state = hasArrived ? "arrived" : preview ? "unfinished" : "waiting";
  return h("li", { class: `igw-card igw-pending igw-${state}`, ...shaped(ratioOf({ width, height })) },
    frame(h("div", { class: "igw-open" }, preview && h("img", { src: preview, alt: `Image ${index + 1}, ${state}` }))),
    h("div", { class: "igw-name" }, h("b", null, `Image ${index + 1}`), h("span", { class: "igw-chip" }, state)));
};

// The previews are those of one run, the one under way; the tiles of others that wait have none.
const pendingImages = (grid) => {
  const previews = new Map(); // index -> url of the picture
  let arrived = []; // indexes
  let making = ""; // id of the run that is under way

  function clear() {
    previews.forEach((url) => URL.revokeObjectURL(url));
    previews.clear();
  }

  return {
    clear,
    begin(view) {
      if (view.making !== making) clear();
      making = view.making;
      arrived = view.arrived;
    },
    tiles: (view) => Array.from({ length: view.pending }, (_, index) => (view.page === making
      ? pendingTile(index, previews.get(index), arrived.includes(index), view.asked) : pendingTile(index, "", false, view.asked))),
    countArrived: () => arrived.length,
    receive({ index }, buffers, { page, asked }) {
      URL.revokeObjectURL(previews.get(index));
      previews.set(index, thumbnailUrl(buffers[0]));
      if (page === making) grid.querySelectorAll(".igw-pending")[index]?.replaceWith(pendingTile(index, previews.get(index), arrived.includes(index), asked));
    },
  };
};
