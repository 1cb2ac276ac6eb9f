// What a saved notebook keeps of a widget. Its script, its style and the facts it shows come from the kernel
// when a page shows it: without a kernel it could do nothing anyway, and a static output stands in for it.
const FIRST = 2000; // ms before it is asked again, then twice as long each time

function render({ model, el }) {
  const facts = {};
  const heeding = {};
  let leave = () => {};
  let gone = false;
  let timer = 0;

  // Facts are read as traits are.
  const all = {
    ...model,
    get: (name) => (name in facts ? facts[name] : model.get(name)),
    on: (event, heed) => (event.slice(7) in facts ? (heeding[event.slice(7)] = heed) : model.on(event, heed)),
  };

  async function heard(told) {
    Object.assign(facts, told.facts);
    for (const name in told.facts) heeding[name]?.();
    if (told.type !== "script" || !timer) return;
    clearTimeout(timer);
    timer = 0;
    const style = document.createElement("style");
    style.textContent = told.style;
    const url = URL.createObjectURL(new Blob([told.script], { type: "text/javascript" }));
    const widget = (await import(url)).default;
    URL.revokeObjectURL(url);
    if (gone) return;
    el.append(style);
    leave = widget.render({ model: all, el }) ?? leave;
    el.classList.add("ig-live");
  }

  function ask(again) {
    timer = setTimeout(ask, again, 2 * again);
    model.send({ type: "script" });
  }

  model.on("msg:custom", heard);
  ask(FIRST);
  return () => {
    gone = true;
    clearTimeout(timer);
    model.off("msg:custom", heard);
    leave();
  };
}

export default { render };
