// Requests from the gallery to Python, and the image bytes that come with the answers.
const SLOW = 4000; // ms after which the reader is told that the kernel has not answered
const WAITING = "Waiting for the kernel: it is busy, or gone.";
const KEPT_FILES = 12; // full-size files kept in the page

// Returns `ask(type, more)`, which resolves to [answer, buffers]. Every view of a widget receives the answers to all
// views, so an answer is matched by its request id; other messages go to `receive`. With `quiet`, nobody waits for the
// answer, and that it takes long is not told in `status`. After `ask.stop(reason)` every request is refused.
const requester = (model, receive, status) => {
  const view = randomId();
  const waiting = new Map();
  let count = 0;
  const late = new Set(); // requests that were told to take long
  let stopped = "";
  model.on("msg:custom", (message, buffers) => {
    const answered = waiting.get(message.request);
    waiting.delete(message.request);
    (answered ?? receive)(message, buffers);
  });
  const ask = (type, more, quiet) => new Promise((resolve, reject) => {
    if (stopped) throw new Error(stopped);
    const request = `${view}-${(count += 1)}`;
    const tell = () => {
      late.add(request);
      setText(status, WAITING);
    };
    const timer = quiet ? 0 : setTimeout(tell, SLOW);
    waiting.set(request, (answer, buffers) => {
      clearTimeout(timer);
      late.delete(request);
      if (!late.size && status.textContent === WAITING) setText(status, "");
      if (answer.type === "refused") reject(new Error(answer.reason));
      else resolve([answer, buffers]);
    });
    model.send({ type, request, ...more });
  });
  ask.stop = (reason) => {
    stopped = reason;
    waiting.forEach((answered) => answered({ type: "refused", reason }));
    waiting.clear();
  };
  return ask;
};

// Loads full-size images when they are looked at; the least recently used are dropped.
const fullSizeLoader = (ask) => {
  const files = new Map();
  const drop = (id) => {
    files.get(id)?.then((file) => URL.revokeObjectURL(file.url), () => {});
    files.delete(id);
  };
  const load = (id, quiet) => {
    const file = files.get(id) ?? ask("full", { id }, quiet).then(([answer, buffers]) => {
      const blob = new Blob(buffers, { type: answer.media });
      return { url: URL.createObjectURL(blob), name: answer.name, damaged: answer.damaged };
    });
    files.delete(id);
    files.set(id, file); // a Map keeps the order of insertion: now the most recently used
    file.catch(() => files.delete(id));
    if (files.size > KEPT_FILES) drop(files.keys().next().value);
    return file;
  };
  return { load, has: (id) => files.has(id), clear: () => [...files.keys()].forEach(drop) };
};

const thumbnailUrl = (bytes) => URL.createObjectURL(new Blob([bytes], { type: "image/webp" }));

// The thumbnails in the page, by image id.
const thumbnailCache = () => {
  const urls = new Map();
  const drop = (id) => {
    URL.revokeObjectURL(urls.get(id));
    urls.delete(id);
  };
  const put = (id, bytes) => urls.has(id) || urls.set(id, thumbnailUrl(bytes));
  // Drops the oldest that nobody uses until `most` are left.
  const trim = (most, inUse) =>
    [...urls.keys()].filter((id) => !inUse(id)).slice(0, Math.max(urls.size - most, 0)).forEach(drop);
  return { put, trim, has: (id) => urls.has(id), url: (id) => urls.get(id) ?? "", clear: () => [...urls.keys()].forEach(drop) };
};

const saveAs = (url, name) => h("a", { href: url, download: name }).click();

const saveBytes = (buffers, type, name) => {
  const url = URL.createObjectURL(new Blob(buffers, { type }));
  saveAs(url, name);
  setTimeout(() => URL.revokeObjectURL(url), 10000);
};

