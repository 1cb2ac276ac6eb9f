// Copies text, and tells what became of it.
// The clipboard API exists only on https and localhost; notebooks are also served over plain http.
const copyText = async (text, near) => {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const focused = focusNear(near);
    const area = h("textarea", { "aria-hidden": "true", style: "position:fixed;opacity:0" });
    area.value = text;
    near.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    focused?.focus();
    return copied;
  }
};

// Copies `text` and returns what to show about it.
const copyWithStatus = async (text, near) =>
  (await copyText(text, near)) ? `Copied ${text}` : `Copying is not allowed here: ${text}`;

