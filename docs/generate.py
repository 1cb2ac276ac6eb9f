"""Writes what is derived from the code: the model table, the JSON Schemas and the executed notebooks.

A test fails when a written file differs from what this would write.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from imagegen_nb import tables
from imagegen_nb.definition import definition_schema
from imagegen_nb.demo import Demo
from imagegen_nb.step import ImageGenerationStep

ROOT = Path(__file__).parents[1]
_MODELS = """# Models and their settings

Written by `./dev docs` from what each provider's file declares; `imagegen-nb models` prints the same.
Status as of 2026-11-21: using a redirected or retired model warns, and names its successor.

"""


def texts() -> dict[Path, str]:
    """Every generated text file with what it should hold."""
    schemas = ROOT / "imagegen_nb" / "schemas"
    return {
        ROOT / "docs" / "models.md": _MODELS + tables.markdown(tables.model_rows()),
        schemas / "step.schema.json": _json(ImageGenerationStep.json_schema()),
        schemas / "step-file-2.schema.json": _json(definition_schema()),
    }


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def main() -> None:
    """Write all of them."""
    for path, text in texts().items():
        path.write_text(text, encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        executed = Demo.run(Path(folder))
        shutil.copy(executed.notebook, ROOT / "notebooks" / executed.notebook.name)


if __name__ == "__main__":
    main()
