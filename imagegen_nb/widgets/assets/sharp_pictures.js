// Of few images each may be shown larger than its thumbnail: then the file takes its place, once it is decoded.
const SHARP = 560; // screen pixels up to which a thumbnail is sharp
const LARGEST_AT_ONCE = 8000000; // bytes of a file that is loaded unasked

// `pictureOf(id)` is the image's element in the page; `may()` whether files are to be loaded at all.
const sharpener = ({ source, files, pictureOf, may }) => async (id) => {
  const item = source.item(id);
  const picture = pictureOf(id);
  if (!may() || !picture || !item || item.size > LARGEST_AT_ONCE || !source.hasThumbnail(id)) return;
  if (Math.max(picture.clientWidth, picture.clientHeight) * (window.devicePixelRatio || 1) < SHARP) return;
  try {
    const file = await files.load(id, true);
    const full = h("img", { src: file.url });
    await full.decode();
    if (file.damaged || !picture.isConnected) return;
    picture.src = file.url;
    picture.dataset.whole = "yes";
  } catch {
    // The thumbnail stays; who opens the image is told why.
  }
};

