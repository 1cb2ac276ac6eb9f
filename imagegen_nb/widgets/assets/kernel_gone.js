// A page outlives its kernel: what is drawn stays, and what would ask the kernel is out of use.
const KERNEL_GONE = "The kernel is gone: run this cell again.";
const ENDED = ["restarting", "autorestarting", "dead", "terminating"];

// Calls `gone` once, when the widget's kernel was restarted, shut down or has died. Returns what ends the watch.
// A host that tells nothing of its kernels leaves it at that.
const watchKernel = (model, gone) => {
  let told = false;
  const tell = () => {
    if (!told) gone();
    told = true;
  };
  const onStatus = (_, status) => ENDED.includes(status) && tell();
  const kernel = model.widget_manager?.kernel;
  model.on("comm_live_update", tell);
  kernel?.statusChanged?.connect(onStatus);
  kernel?.disposed?.connect(tell);
  return () => {
    model.off("comm_live_update", tell);
    kernel?.statusChanged?.disconnect(onStatus);
    kernel?.disposed?.disconnect(tell);
  };
};

const kernelGoneNote = () => h("p", { role: "alert", class: "igw-gone-note" }, KERNEL_GONE);

