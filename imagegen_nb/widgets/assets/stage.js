// Nothing to draw: the form's controls are made once somebody looks, and this is how the kernel learns it.
export default { render() {} };
