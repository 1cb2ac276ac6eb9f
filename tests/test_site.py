"""The site, built once: without a warning, whole by itself, and with all public names in it."""

from __future__ import annotations

import importlib
import importlib.util
import re
from pathlib import Path
from typing import Any

import html5lib
import pytest
from support.project import ROOT
from support.site import build, public_names

import imagegen_nb as ig
from imagegen_nb.runs.history import PastRun

LOADED = {"script": "src", "img": "src", "iframe": "src", "link": "href", "source": "src", "video": "src"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("site"))


@pytest.mark.notebooks
def test_the_site_is_built_without_a_warning_and_has_every_public_name(site: Path) -> None:
    """`build` fails at a warning: a link that leads nowhere, a page in no index, a docstring's markup."""
    pages = [page.read_text(encoding="utf-8") for page in (site / "docs/reference/api").glob("*.html")]
    ids = set(re.findall(r'id="(imagegen_nb\.[\w.]+)"', "".join(pages)))
    assert public_names() - ids == set()


FORM = {"step", "problems", "run_result", "runs", "untouched", "wrong", "enter", "gallery", "cancel", "close"}
GALLERY = {"show", "placeholders", "preview", "on_use", "runs", "starred", "notes", "star", "note", "close"}


@pytest.mark.notebooks
@pytest.mark.parametrize(("name", "members"), [("StepForm", FORM), ("Gallery", GALLERY)])
def test_of_a_widget_the_reference_has_what_its_users_call(site: Path, name: str, members: set[str]) -> None:
    page = (site / "docs/reference/api/toolkit.html").read_text(encoding="utf-8")
    assert set(re.findall(rf'id="imagegen_nb\.{name}\.(\w+)"', page)) == members


@pytest.mark.notebooks
def test_a_page_loads_nothing_from_elsewhere(site: Path) -> None:
    pages = [page for page in site.rglob("*.html") if page.name != "index.html" or page.parent != site]
    assert len(pages) > 40
    for page in pages:
        tree = html5lib.parse(page.read_text(encoding="utf-8"), namespaceHTMLElements=False)
        for tag, attribute in LOADED.items():
            for element in tree.iter(tag):
                address = element.get(attribute) or ""
                assert not re.match(r"(https?:)?//", address), f"{page}: {address}"
                if address and not address.startswith(("data:", "#")) and element.get("rel") != "search":
                    assert (page.parent / re.sub("[?#].*", "", address)).exists(), f"{page}: {address}"
    sheets = "".join(sheet.read_text(encoding="utf-8") for sheet in site.rglob("*.css"))
    assert re.findall(r"url\(\s*['\"]?(?:https?:)?//[^)]*|@import[^;]*//[^;]*", sheets) == []


@pytest.mark.notebooks
def test_what_is_struck_out_on_a_code_host_is_so_here(site: Path) -> None:
    page = (site / "docs" / "form.html").read_text(encoding="utf-8")
    assert "<s>Personal</s>" in page
    assert "~~" not in page


@pytest.mark.notebooks
def test_the_site_names_no_place_on_this_machine(site: Path) -> None:
    for page in site.rglob("*.html"):
        assert str(ROOT) not in page.read_text(encoding="utf-8"), page


@pytest.fixture(scope="module")
def conf() -> Any:
    spec = importlib.util.spec_from_file_location("conf", ROOT / "docs" / "conf.py")
    assert spec is not None
    assert spec.loader is not None
    conf = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(conf)
    return conf


def test_a_signature_has_what_a_caller_writes(conf: Any) -> None:
    def signed(item: object, found: str) -> str:
        return str(conf._sign(None, "", "", item, None, found, "")[0])

    assert signed(ig.StepForm, "(*args: t.Any, **kwargs: t.Any)").startswith("(step: ")
    replace = signed(ig.ImageGenerationStep.replace, "(name: ~types.Annotated[str, Text()] = Ellipsis)")
    assert replace.startswith("(*, prompt: str | None = ..., name: str | None = ..., ")
    assert signed(PastRun, "(entry: LedgerEntry, _store: Store)") == "(entry: LedgerEntry)"
    assert (
        signed(object(), "(deployments: dict[str, str] = <factory>)") == "(deployments: dict[str, str] = ...)"
    )


@pytest.mark.parametrize("name", sorted(public_names()))
def test_a_public_docstring_has_no_markup_that_is_shown_as_it_stands(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    said = getattr(importlib.import_module(module), attribute).__doc__ or ""
    assert re.findall(r"\*\w[^*]*\w\*", re.sub("`[^`]*`", "", said)) == []


def test_a_docstring_is_read_as_plain_english(conf: Any) -> None:
    assert conf.as_restructured_text(["`Error`s"]) == [r"``Error``\ s"]
    lines = ["Takes `*args`, name_ and 2 * 2.", "", "    run(**options)", "", "`a", "b`."]
    assert conf.as_restructured_text(lines) == [
        *(r"Takes ``*args``, name\_ and 2 \* 2.", "", ".. code-block:: python", "", "    run(**options)", ""),
        *("``a", "b``."),
    ]


def test_a_site_that_is_whole_is_not_built_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEGEN_NB_SITE", str(tmp_path / "site"))
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "whole").touch()
    assert build(tmp_path / "own") == tmp_path / "site" / "html"
    assert not (tmp_path / "own").exists()
