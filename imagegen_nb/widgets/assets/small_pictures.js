// The small pictures of the history, asked for as they come into sight.
const KEPT_SMALL = 400; // small pictures
const MOST_SMALL = 24; // of one request

// `idOf(element)` is the image of an entry, `isDrawn(id)` whether it has one, `onPicture(id)` shows its picture.
const smallPictures = ({ ask, pictures, list, idOf, isDrawn, onPicture }) => {
  const wanted = new Set(); // ids that are in sight and have no picture
  const awaited = new Set();
  const fetching = debounce(60, fetchPictures);
  const seen = new IntersectionObserver((found) => {
    for (const { target, isIntersecting } of found) {
      const id = idOf(target);
      if (!id || pictures.has(id)) continue;
      if (isIntersecting) wanted.add(id);
      else wanted.delete(id);
    }
    if (wanted.size) fetching.later();
  }, { root: list, rootMargin: "0px 160px" });

  function fetchPictures() {
    const ids = [...wanted].filter((id) => !awaited.has(id)).slice(0, MOST_SMALL);
    if (!ids.length) return;
    ids.forEach((id) => { awaited.add(id); wanted.delete(id); });
    ask("small_thumbnails", { ids }, true).then(([answer, buffers]) => {
      receive(answer, buffers);
      ids.filter((id) => !answer.later.includes(id)).forEach((id) => awaited.delete(id));
      if (wanted.size) fetching.later();
    }, () => ids.forEach((id) => awaited.delete(id)));
  }

  function receive({ ids, damaged = [] }, buffers) {
    ids.forEach((id, index) => {
      pictures.put(id, buffers[index]);
      onPicture(id);
    });
    [...ids, ...damaged].forEach((id) => awaited.delete(id));
    pictures.trim(KEPT_SMALL, isDrawn);
  }

  return { receive,
    watch(items) {
      seen.disconnect();
      for (const item of items) seen.observe(item);
    },
    stop() {
      seen.disconnect();
      fetching.cancel();
    } };
};
