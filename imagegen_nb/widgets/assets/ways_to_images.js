// The ways to an image: into the viewer, from the history to its run and card, and back to where it was looked at from.
const FOUND = 1500; // ms for which a card is marked
const DOUBLE_CLICK = 500; // ms within which a second click makes a double click: what systems have at first

// `late()` gives what is made later: the viewer, the position of the run that is shown, `flip(to)`, and the images that
// a filter has found, which are gone through where one of them is opened in the history; null without a filter.
const waysToImages = ({ el, head, grid, showStatus, late }) => {
  let jumped = ""; // id of the image that was opened from the history
  let awaited = ""; // id of the image that is to be in sight once its run is drawn
  let still = 0; // until when the page may not move

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
  // click; others are led to. `clicks` is 0 for a key.
  function jump(position, id, clicks = 0) {
    const { viewer, shown, flip, found } = late();
    if (id && (clicks > 1 || position < 0 || position === shown)) {
      jumped = id;
      awaited = "";
      const ids = found ?? (grid.shown().includes(id) ? grid.shown() : [id]);
      viewer.open(ids, ids.indexOf(id), { among: found && "found" });
    } else if (position !== shown) {
      awaited = id;
      still = clicks ? performance.now() + DOUBLE_CLICK : 0;
      flip(position).then((done) => {
        if (done && id) showStatus("The image is in the run below; choose it once more to open it.");
        if (awaited === id && !grid.shown().includes(id)) awaited = ""; // it is not there
      });
    }
  }

  // Brings the image that was jumped to into sight and marks it for a moment. A click may be the first half of a double
  // one, and a page that moves takes what was clicked from under the pointer: so not before it is too late for that.
  function arrive() {
    if (!awaited) return;
    const rest = still - performance.now();
    if (rest > 0) {
      setTimeout(arrive, rest);
      return;
    }
    const card = grid.reveal(awaited);
    if (!card) return; // what was drawn is older than the way there
    awaited = "";
    const { top, bottom } = seenPart(card);
    if (bottom - top < card.offsetHeight / 2) card.scrollIntoView({ block: "nearest" });
    card.classList.add("igw-found");
    setTimeout(() => card.classList.remove("igw-found"), FOUND);
  }

  return { open, focus, jump, arrive, forget: () => { awaited = ""; } };
};
