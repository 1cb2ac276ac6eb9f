"""Whether a file holds one step or a whole workflow, for who is given either."""

from __future__ import annotations

from pathlib import Path

from imagegen_nb.core import images
from imagegen_nb.core.atomic_files import user_path
from imagegen_nb.errors import DefinitionError
from imagegen_nb.step_file.load import parse, read

WORKFLOW_FORMAT = "imagegen-nb/workflow"
LARGEST_WORKFLOW = 10_000_000
"""Bytes; a real one has a few thousand for each step."""
_SUFFIX = ".workflow.json"


def is_workflow_file(path: Path) -> bool:
    """Whether a file is meant as a workflow, by what it says of itself or else by its name."""
    try:
        data = read(user_path(path, DefinitionError), LARGEST_WORKFLOW)
        if images.sniff(data) is not None or WORKFLOW_FORMAT.encode() not in data:
            return path.name.endswith(_SUFFIX)
        return parse(data, largest=LARGEST_WORKFLOW).get("format") == WORKFLOW_FORMAT
    except DefinitionError:  # told by who reads it
        return path.name.endswith(_SUFFIX)
