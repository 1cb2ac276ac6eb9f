// The line that runs failed cells again: what it may cost before, how far it is meanwhile.
const rerunBar = ({ again, stop }) => {
  const againButton = textButton("again", again);
  const estimate = h("span");
  const bar = h("progress", { "aria-label": "Cells run again" });
  const progress = h("span");
  const stopButton = textButton("stop", stop, "Stop");
  const el = h("div", { class: "igw-failed" }, againButton, estimate, bar, progress, stopButton);
  return { el, show({ again: label, estimate: cost, running }, gone) {
    const off = gone || Boolean(running) || !label;
    const idle = gone || !running;
    againButton.hidden = estimate.hidden = off;
    bar.hidden = progress.hidden = stopButton.hidden = idle;
    el.hidden = off && idle;
    setText(againButton, label);
    setText(estimate, cost && `Estimate: ${cost}`);
    if (!running) return;
    bar.max = running.total;
    bar.value = running.done;
    setText(progress, [`${running.done} of ${running.total}`, running.note].filter(Boolean).join(": "));
  } };
};
