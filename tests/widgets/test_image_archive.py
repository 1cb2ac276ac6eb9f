"""Images as one zip file."""

from __future__ import annotations

import io
import zipfile

import pytest
from support.images import picture
from support.runs import stored_assets

from imagegen_nb.errors import InvalidOption
from imagegen_nb.widgets.image_archive import zip_of


def test_files_are_whole_and_equal_names_numbered(workspace):
    assets = stored_assets(workspace.store, picture(), picture(size=(30, 30)))
    again = [asset.model_copy(update={"file_name": "hero-1.png"}) for asset in assets]
    data, count = zip_of([*assets, *again])
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == [f"hero-run1-{end}.png" for end in ("1", "2", "1 (2)", "1 (3)")]
        assert archive.read("hero-run1-1 (3).png") == assets[1].bytes()
    assert count == 4


def test_what_is_not_at_hand_is_left_out_and_nothing_at_all_refused(workspace):
    (asset,) = stored_assets(workspace.store, picture())
    elsewhere = asset.model_copy()
    elsewhere._store = elsewhere._stored = None
    assert zip_of([elsewhere, asset])[1] == 1
    for assets in ([], [elsewhere]):
        with pytest.raises(InvalidOption, match="no image available"):
            zip_of(assets)


def test_a_download_has_a_largest_size(workspace):
    (asset,) = stored_assets(workspace.store, picture())
    huge = asset.model_copy(update={"file_size": 10**9})
    with pytest.raises(InvalidOption, match=r"these images have 2\.0 GB, a download at most 400\.0 MB"):
        zip_of([huge, huge])
