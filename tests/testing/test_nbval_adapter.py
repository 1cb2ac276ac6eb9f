"""That a version of nbval which lacks what is used is named; how it is used is tested by `test_notebooks`."""

from __future__ import annotations

import pytest
from nbval import kernel, plugin

from imagegen_nb.testing import nbval_adapter


def test_the_installed_version_has_all_that_is_used():
    nbval_adapter.check()


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (plugin, "IPyNbCell"),
        (plugin, "NbCellError"),
        (plugin, "find_comment_markers"),
        (plugin, "find_metadata_tags"),
        (kernel.RunningKernel, "get_message"),
        (kernel.RunningKernel, "stop"),
    ],
)
def test_what_is_missing_is_named_with_the_version_that_has_it(monkeypatch, owner, name):
    monkeypatch.delattr(owner, name)
    with pytest.raises(pytest.UsageError, match=rf"lacks {name}.*pip install nbval=={nbval_adapter.TESTED}"):
        nbval_adapter.check()


def test_another_way_to_read_messages_is_noticed(monkeypatch):
    monkeypatch.setattr(kernel.RunningKernel, "get_message", lambda self, channel: None)
    with pytest.raises(pytest.UsageError, match="get_message"):
        nbval_adapter.check()


def test_a_notebook_that_keeps_its_kernel_elsewhere_is_noticed(monkeypatch):
    class Other:
        def __init__(self) -> None:
            self.nb = None
            self.skip_compare = None
            self.sanitize_patterns = {}

    monkeypatch.setattr(plugin, "IPyNbFile", Other)
    with pytest.raises(pytest.UsageError, match="lacks kernel:"):
        nbval_adapter.check()
