// Pictures that are zoomed and moved together, each in a box of its own. At scale 1 they fit; `x` and `y` say how far
// they are moved, as a part of their width and height, so that the same part of each is in sight.
const ZOOM_STEP = 1.25;
const LARGEST_PIXEL = 8; // screen pixels for one of the picture
const A_CLICK = 4; // px a pointer may move and still have clicked

// A pane is { box, img, size() }: the picture's own width and height. `grow`: small pictures fill their box as well.
// `slides(event)`: whether a pointer does something else than moving the picture.
const zoomView = (stage, panes, { grow = false, slides = () => false, onChange = () => {}, onClick = () => {} }) => {
  let scale = 1;
  let x = 0;
  let y = 0;
  let moved = 0;
  const pointers = new Map(); // id -> event

  function fitted({ box, img, size }) {
    const [width, height] = size().map((length, index) => length || [img.naturalWidth, img.naturalHeight][index] || 1);
    const by = Math.min(box.clientWidth / width, box.clientHeight / height, grow ? Infinity : 1);
    return [width * by || 1, height * by || 1, width];
  }

  // How often the screen's pixels hold one of the picture's.
  const pixel = (pane = panes[0]) => {
    const [width, , own] = fitted(pane);
    return (width * scale * (window.devicePixelRatio || 1)) / own;
  };
  const fullScale = () => scale / pixel();
  const isFull = () => Math.abs(pixel() - 1) < 0.005;
  const isFitted = () => Math.abs(scale - 1) < 0.005;
  const within = (value, limit) => Math.max(-limit, Math.min(value, limit));
  const room = (length, box) => Math.max(0, (length - box) / 2 / length);

  function draw() {
    const sizes = panes.map((pane) => fitted(pane).map((length) => length * scale));
    x = within(x, Math.max(...panes.map(({ box }, index) => room(sizes[index][0], box.clientWidth))));
    y = within(y, Math.max(...panes.map(({ box }, index) => room(sizes[index][1], box.clientHeight))));
    panes.forEach(({ box, img }, index) => {
      const [width, height] = sizes[index];
      const left = within(x, room(width, box.clientWidth)) * width;
      const top = within(y, room(height, box.clientHeight)) * height;
      Object.assign(img.style, { width: `${width}px`, height: `${height}px`,
        transform: `translate(calc(-50% + ${left}px), calc(-50% + ${top}px))` });
    });
    stage.classList.toggle("igw-zoomed", scale > 1.005);
    onChange();
  }

  // Zooms to `target` and leaves the point at `event` where it is; without one, the middle.
  function zoomTo(target, event) {
    const next = Math.max(Math.min(1, fullScale()), Math.min(target, Math.max(1, fullScale() * LARGEST_PIXEL)));
    const pane = panes.find(({ box }) => box.contains(event?.target)) ?? panes[0];
    const at = pane.box.getBoundingClientRect();
    const [width, height] = fitted(pane);
    const [dx, dy] = event ? [event.clientX - at.left - at.width / 2, event.clientY - at.top - at.height / 2] : [0, 0];
    x += (dx / width) * (1 / next - 1 / scale);
    y += (dy / height) * (1 / next - 1 / scale);
    scale = next;
    draw();
  }

  function moveBy(dx, dy) {
    const [width, height] = fitted(panes[0]);
    x += dx / (width * scale);
    y += dy / (height * scale);
    draw();
  }

  const distance = () => {
    const [one, two] = [...pointers.values()];
    return Math.hypot(one.clientX - two.clientX, one.clientY - two.clientY) || 1;
  };

  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    const lines = event.deltaMode ? 16 : 1;
    zoomTo(scale * Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0018)), event);
  }, { passive: false });
  stage.addEventListener("pointerdown", (event) => {
    if (event.button || event.target.closest("button, input") || slides(event)) return;
    pointers.set(event.pointerId, event);
    moved = 0;
    stage.setPointerCapture(event.pointerId);
    event.preventDefault(); // or the browser would drag the picture away
  });
  stage.addEventListener("pointermove", (event) => {
    const last = pointers.get(event.pointerId);
    if (!last) return;
    const before = pointers.size === 2 ? distance() : 0;
    pointers.set(event.pointerId, event);
    const [dx, dy] = [event.clientX - last.clientX, event.clientY - last.clientY];
    moved += Math.abs(dx) + Math.abs(dy);
    if (before) zoomTo((scale * distance()) / before, event);
    else if (scale > 1) moveBy(dx, dy);
  });
  const up = (event) => {
    if (!pointers.delete(event.pointerId)) return;
    if (event.type === "pointerup" && !pointers.size && moved < A_CLICK) onClick(event);
  };
  stage.addEventListener("pointerup", up);
  stage.addEventListener("pointercancel", up);
  new ResizeObserver(draw).observe(stage);

  // What a key does to the pictures; true where it did something.
  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    const step = stage.clientWidth / 8;
    const moves = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    if (["+", "="].includes(event.key)) zoomTo(scale * ZOOM_STEP);
    else if (event.key === "-") zoomTo(scale / ZOOM_STEP);
    else if (event.key === "0") zoomTo(1);
    else if (event.key === "1") zoomTo(fullScale());
    else if (moves[event.key] && event.target === stage && scale > 1.005) moveBy(...moves[event.key]);
    else return false;
    event.preventDefault();
    return true;
  }

  return { draw, onKey, isFull, isFitted, percents: () => [...new Set(panes.map((pane) => Math.round(pixel(pane) * 100)))],
    fit: () => zoomTo(1), full: (event) => zoomTo(fullScale(), event), zoomIn: () => zoomTo(scale * ZOOM_STEP),
    zoomOut: () => zoomTo(scale / ZOOM_STEP),
    reset() {
      scale = 1;
      x = y = 0;
      draw();
    } };
};

// The buttons beside a picture: out, in, the whole of it, and its own pixels. `refresh` after every change.
const zoomButtons = (view) => {
  const percent = h("span", { class: "igw-percent" });
  const stop = (label, title, click) => h("button", { type: "button", class: "igw-button igw-zoom", "aria-pressed": "false", title, click }, label);
  const fit = stop("Fit", "Fit to the window (0)", () => view().fit());
  const full = stop("100 %", "Actual size: one image pixel for each screen pixel (1)", () => view().full());
  const group = h("div", { class: "igw-zoom-buttons" },
    iconButton("Zoom out", ICONS.minus, () => view().zoomOut(), { title: "Zoom out (−)" }), percent,
    iconButton("Zoom in", ICONS.plus, () => view().zoomIn(), { title: "Zoom in (+)" }), fit, full);
  const refresh = () => {
    fit.setAttribute("aria-pressed", String(view().isFitted()));
    full.setAttribute("aria-pressed", String(view().isFull()));
    percent.textContent = `${view().percents().join(" / ")} %`; // of pictures that differ in size, of each
  };
  return { group, refresh };
};

