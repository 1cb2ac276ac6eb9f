// The ways to an image: into the viewer, from the history to its run and card, and back to where it was looked at from.
const FOUND = 1500; // ms for which a card is marked

// `late()` gives what is made later: the viewer, the position of the run that is shown, `flip(to)`, and the images that
// a filter has found, which are gone through where one of them is opened in the history; null without a filter.
const waysToImages = ({ el, head, grid, showStatus, late }) => {
  let jumped = ""; // id of the image that was opened from the history
  let awaited = ""; // id of the image that is to be in sight once its run is drawn

  function open(id, options) {
    jumped = "";
    const { viewer, found } = late();
    viewer.open(grid.shown(), grid.shown().indexOf(id), { among: found && "in this run", ...options });
  }

  // Back to the image that was looked at last, wherever in the list it is, or in the history if it was opened there.
  function focus(id) {
    const inHistory = el.querySelector(`[data-key="${CSS.escape(`history ${id}`)}"]`);
    const inGrid = grid.reveal(id)?.querySelector(".igw-open");
    ((jumped && inHistory) || inGrid || inHistory || head).focus();
    jumped = "";
  }

  // An image of the run that is shown is opened, and so is one of a run that is shown elsewhere, or of any by a double
  // click (`twice`); others are led to.
  function jump(position, id, twice = false) {
    const { viewer, shown, flip, found } = late();
    if (id && (twice || position < 0 || position === shown)) {
      jumped = id;
      const ids = found ?? (grid.shown().includes(id) ? grid.shown() : [id]);
      viewer.open(ids, ids.indexOf(id), { among: found && "found" });
    } else if (position !== shown) {
      awaited = id;
      flip(position).then((done) => done && id && showStatus("The image is in the run below; choose it once more to open it."));
    }
  }

  // Marks the image that was jumped to for a moment.
  function arrive() {
    if (!awaited) return;
    const card = grid.reveal(awaited);
    awaited = "";
    if (!card) return;
    // A page that moves takes what was clicked from under the pointer.
    const { top, bottom } = seenPart(card);
    if (bottom - top < card.offsetHeight / 2) card.scrollIntoView({ block: "nearest" });
    card.classList.add("igw-found");
    setTimeout(() => card.classList.remove("igw-found"), FOUND);
  }

  return { open, focus, jump, arrive };
};
