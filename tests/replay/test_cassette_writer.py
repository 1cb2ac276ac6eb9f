"""What is written where: over the old cassette, or beside it where that cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.cassettes import LAMP, pictures

from imagegen_nb import replay
from imagegen_nb.errors import ReplayError

pytestmark = pytest.mark.filterwarnings("ignore::imagegen_nb.errors.ModelLifecycleWarning")


def test_recording_anew_leaves_no_old_image(workspace, project):
    for prompt in ("a lamp", "a fox"):
        with replay.use("hero", "all"):
            LAMP.replace(prompt=prompt).run(workspace=workspace)
    assert len(list((project / "cassettes/hero/blobs").iterdir())) == 1


def test_a_failing_save_loses_nothing_and_leaves_no_patch(workspace, live, project, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    (project / "cassettes/hero").write_text("in the way")
    with (
        pytest.raises(ReplayError, match="cassette 'hero' could not be saved") as caught,
        replay.use("hero", "all"),
    ):
        recorded = LAMP.run(workspace=workspace)
    rescued = Path(str(caught.value).rpartition("kept in ")[2])
    monkeypatch.setenv("IMAGEGEN_NB_CASSETTES", str(rescued.parent))
    with replay.use("hero"):
        assert pictures(LAMP.run(workspace=live)) == pictures(recorded)
