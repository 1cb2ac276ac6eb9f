// The variables that the picker of a prompt offers.
const GROUPS = ["Inputs", "Workflow Steps"];
const STATE_HINTS = {
  predicted: "Expected from the step's settings; no run has confirmed it yet",
  missing: "The last run did not have it",
};

// Gives an option of the list: `isActive(index)` tells whether it is the active one, `activate(index)` makes it that,
// `insert(path)` takes it.
const variableOption = ({ id, isActive, activate, insert }) => (variable, index) => {
  const hint = STATE_HINTS[variable.state];
  return h("div", { role: "option", id: `${id}-${index}`, "data-key": variable.path, "aria-selected": "false",
    mousedown: (event) => event.preventDefault(), mousemove: () => !isActive(index) && activate(index, false),
    click: () => insert(variable.path) },
  h("code", null, variable.path),
  h("small", null, variable.type),
  hint && h("span", { class: `igw-chip igw-chip-${variable.state}`, title: hint }, variable.state),
  variable.sample && h("small", { class: "igw-sample", dir: "auto" }, variable.sample));
};
