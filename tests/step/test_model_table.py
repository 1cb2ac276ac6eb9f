from __future__ import annotations

from imagegen_nb.providers import catalog
from imagegen_nb.step import model_table
from imagegen_nb.step.step import ImageGenerationStep


def test_every_model_has_a_row_with_exactly_the_settings_it_takes() -> None:
    rows = {row["model"]: row for row in model_table.model_rows()}
    assert list(rows) == [entry.model.name for entry in catalog.models()]
    common = {key for key, kind in ImageGenerationStep.kinds().items() if kind is not None}
    for entry in catalog.models():
        assert set(rows[entry.model.name]["settings"]) == common | set(entry.model.settings)


def test_a_models_own_label_takes_the_place_of_the_platforms() -> None:
    rows = {row["model"]: row for row in model_table.model_rows()}
    assert rows["gemini-2.5-flash-image"]["settings"]["image_size"]["label"] == "Aspect Ratio"
    assert rows["gpt-image-2"]["settings"]["image_size"]["label"] == "Image Size"


def test_the_lifecycle_is_told_with_its_successor_and_source() -> None:
    rows = {row["model"]: row for row in model_table.model_rows()}
    assert (rows["gemini-2.5-flash-image"]["status"], rows["gemini-2.5-flash-image"]["successor"]) == (
        "restricted",
        "gemini-3.1-flash-lite-image",
    )
    assert (
        rows["grok-imagine-image-quality"]["status"],
        rows["grok-imagine-image-quality"]["successor"],
    ) == (
        "redirected",
        "grok-imagine-image-2.0",
    )
    assert all(row["source"].startswith("https://") for row in rows.values())


def test_markdown_has_a_section_for_each_row() -> None:
    text = model_table.markdown(model_table.model_rows())
    assert all(f"### `{entry.model.name}`" in text for entry in catalog.models())
    assert text.count("| setting | key | values | default |") == len(catalog.models())


def test_the_overview_is_the_first_part_of_each_row() -> None:
    for short, row in zip(model_table.overview_rows(), model_table.model_rows(), strict=True):
        assert list(row.items())[: len(short)] == list(short.items())
