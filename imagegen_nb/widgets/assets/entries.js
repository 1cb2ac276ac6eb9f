// What somebody enters, on its way to the kernel.

// What is typed last is sent when the field is left, also by a page that closes: then nobody is there to take it.
const sendEntry = (model, entry) => {
  try {
    model.send({ type: "entry", ...entry });
  } catch (error) {
    console.debug(error);
  }
};

// Sends entries. Until the kernel has answered the last one, `waits()`: what it says meanwhile is older than the entry.
const entrySender = (model, answered) => {
  const view = randomId();
  let count = 0;
  let last = "";
  const receive = (message) => {
    if (message.type !== "entered" || message.entry !== last) return;
    last = "";
    answered(message);
  };
  const send = (entry) => {
    last = `${view}-${(count += 1)}`;
    sendEntry(model, { ...entry, entry: last });
  };
  model.on("msg:custom", receive);
  return { send, waits: () => last !== "", stop: () => model.off("msg:custom", receive) };
};

// A message and no save of the trait: saves wait for one another, and a run could overtake them.
const valueSender = (model) => {
  let sent = "";
  const entries = entrySender(model, ({ value }) => model.set("value", value));
  const keep = () => entries.waits() && model.get("value") !== sent && model.set("value", sent);
  const send = (value) => {
    if (value === model.get("value")) return;
    sent = value;
    entries.send({ value });
    model.set("value", value);
  };
  const stop = () => {
    entries.stop();
    model.off("change:value", keep);
  };
  model.on("change:value", keep);
  return { send, stop };
};
