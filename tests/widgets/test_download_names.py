"""The names of files that leave the notebook."""

from __future__ import annotations

import pytest
from support.images import picture
from support.runs import stored_assets

from imagegen_nb.runs.workspace import Workspace
from imagegen_nb.widgets.download_names import archive_name, base_name, download_name

RUN = "3f9a2c11-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("claimed", "name", "saved_as"),
    [
        ("hero-image-12.webp", "hero-image-12.webp", "hero-image-3f9a2c-12.webp"),
        ("a.png", "a.png", "a-3f9a2c.png"),
        ("..\\..//etc/passwd", "passwd", "passwd-3f9a2c"),
        ("/ . ", "image", "image-3f9a2c"),
        ("", "image", "image-3f9a2c"),
    ],
)
def test_a_name_has_no_folder_and_a_download_tells_its_run(
    workspace: Workspace, claimed: str, name: str, saved_as: str
) -> None:
    (stored,) = stored_assets(workspace.store, picture(), run_id=RUN)
    asset = stored.model_copy(update={"file_name": claimed})
    assert (base_name(asset), download_name(asset)) == (name, saved_as)
    asset._stored = None
    assert download_name(asset) == name


def test_an_archive_has_its_runs_id_too() -> None:
    assert archive_name("A hero", RUN) == "a-hero-3f9a2c.zip"
    assert archive_name("images") == "images.zip"
