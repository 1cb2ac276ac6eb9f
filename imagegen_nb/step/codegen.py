"""A step as the Python that makes it."""

from __future__ import annotations

from imagegen_nb.step.step import ImageGenerationStep


def as_python(step: ImageGenerationStep) -> str:
    """The exact call that gives `step`, with `import imagegen_nb as ig` understood.

    Settings that have their default are left out, except the model, which should be seen.
    """
    fields = ImageGenerationStep.model_fields
    stated = {
        key: value for key, value in step.settings().items() if key == "model" or value != fields[key].default
    }
    written = {key: repr(value) for key, value in stated.items()}
    if like := step.entry.model.like:
        written["model"] = f"ig.Model({step.model!r}, like={like!r})"
    lines = "".join(f"    {key}={value},\n" for key, value in written.items())
    return f"ig.ImageGenerationStep(\n{lines})"
