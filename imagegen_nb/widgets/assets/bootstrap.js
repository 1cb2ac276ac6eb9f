// The only script a saved notebook keeps of a widget. It asks the kernel for the widget's script, its style and
// the traits that are not saved. Without a kernel nothing is drawn, and the static fallback stays visible.
const FIRST_RETRY = 2000; // ms; each later retry waits twice as long

function render({ model, el }) {
  const unsaved = {}; // trait -> value
  const listeners = {}; // trait -> function
  let cleanup = () => {};
  let removed = false;
  let timer = 0;

  // Lets the widget's script read unsaved traits as it reads synced ones.
  const proxy = {
    ...model,
    get: (name) => (name in unsaved ? unsaved[name] : model.get(name)),
    on: (event, listener) => {
      const name = event.slice("change:".length);
      if (name in unsaved) listeners[name] = listener;
      else model.on(event, listener);
    },
  };

  async function receive(message) {
    Object.assign(unsaved, message.values);
    for (const name in message.values) listeners[name]?.();
    if (message.type !== "script" || !timer) return;
    clearTimeout(timer);
    timer = 0;
    const style = document.createElement("style");
    style.textContent = message.style;
    const url = URL.createObjectURL(new Blob([message.script], { type: "text/javascript" }));
    const widget = (await import(url)).default;
    URL.revokeObjectURL(url);
    if (removed) return;
    el.append(style);
    // The third is for a widget that draws others: a front-end may offer no way of its own.
    cleanup = widget.render({ model: proxy, el, draw: render }) ?? cleanup;
    el.classList.add("ig-live");
  }

  function request(retry) {
    timer = setTimeout(request, retry, 2 * retry);
    model.send({ type: "script" });
  }

  model.on("msg:custom", receive);
  request(FIRST_RETRY);
  return () => {
    removed = true;
    clearTimeout(timer);
    model.off("msg:custom", receive);
    cleanup();
  };
}

export default { render };
