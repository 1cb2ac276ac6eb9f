"""Notebooks that tests write, and the cells they share."""

from __future__ import annotations

from pathlib import Path

import nbformat

SETUP = """
import imagegen_nb as ig
workspace = ig.Workspace("assets", timeout=60)
step = ig.ImageGenerationStep(prompt="a lamp", image_size="1024x1024")
"""
RUN = "run = step.run(workspace=workspace)\nrun"


def notebook(folder: Path, *cells: str, name: str = "My demo.ipynb") -> Path:
    document = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbformat.write(document, folder / name)
    return folder / name
