from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from imagegen_nb import ImageGenerationStep
from imagegen_nb.providers import catalog
from imagegen_nb.providers.capabilities import Model
from imagegen_nb.widgets.form_state import EMPTY_SIZE, Draft, FieldState, FormState, settings

MODELS = [entry.model.name for entry in catalog.models()]
PROMPTED = Draft("gpt-image-2").changed("prompt", "a fox")

pytestmark = pytest.mark.filterwarnings("ignore::imagegen_nb.errors.ModelLifecycleWarning")


def entered(draft: Draft, **entries) -> Draft:
    for key, value in entries.items():
        draft = draft.changed(key, value)
    return draft


def fields(draft: Draft) -> Mapping[str, FieldState]:
    return FormState.of(draft).fields


def settings_of(draft: Draft) -> dict[str, Any]:
    return settings(fields(draft))


def values(draft: Draft, key: str) -> list[str]:
    return [option.value for option in fields(draft)[key].options if not option.disabled]


@pytest.mark.parametrize("model", MODELS)
def test_what_is_visible_is_what_the_model_takes(model):
    declared = catalog.find(model).model
    common = {key for key, kind in ImageGenerationStep.kinds().items() if kind is not None} | {"model"}
    visible = {key for key, view in fields(Draft(model)).items() if view.visible}
    assert visible == common | set(declared.settings)


@pytest.mark.parametrize("model", MODELS)
def test_the_model_stands_first_and_the_others_in_the_platforms_order(model):
    keys = list(ImageGenerationStep.model_fields)
    assert list(fields(Draft(model))) == ["model", *(key for key in keys if key != "model")]


@pytest.mark.parametrize("model", MODELS)
def test_an_untouched_form_shows_the_defaults_and_sets_nothing(model):
    draft = Draft(model)
    declared = catalog.find(model).model
    for key, view in fields(draft).items():
        if key in declared.settings:
            assert view.value == declared.settings[key].default
    assert settings_of(draft) == {"model": model}


def test_jpeg_takes_transparent_away_and_webp_gives_it_back():
    draft = entered(PROMPTED, image_output_format="webp", image_background="transparent")
    jpeg = draft.changed("image_output_format", "jpeg")
    assert "transparent" not in values(jpeg, "image_background")
    assert fields(jpeg)["image_background"].value == "auto"
    assert "JPEG has no transparency" in fields(jpeg)["image_background"].hint
    assert "image_background" not in settings_of(jpeg)
    assert jpeg.changed("image_output_format", "webp") == draft


@pytest.mark.parametrize("chosen", [{}, {"image_output_format": "png"}])
def test_png_disables_compression_with_its_reason_also_as_the_default(chosen):
    draft = entered(PROMPTED, image_output_format="webp", image_output_compression=40)
    draft = entered(draft, **(chosen or {"image_output_format": None}))
    view = fields(draft)["image_output_compression"]
    assert view.visible
    assert not view.enabled
    assert "PNG" in view.hint
    assert "image_output_compression" not in settings_of(draft)


def test_personal_is_unavailable_for_gemini_and_comes_back_elsewhere():
    draft = entered(PROMPTED, charge_type="personal")
    gemini = draft.changed("model", "gemini-2.5-flash-image")
    assert values(gemini, "charge_type") == ["hosted"]
    assert fields(gemini)["charge_type"].value == "hosted"
    assert "hosted-only" in fields(gemini)["charge_type"].hint
    assert settings_of(gemini.changed("model", "gpt-image-2"))["charge_type"] == "personal"


def test_size_tiles_have_shapes_and_gemini_shows_ratios_in_their_place():
    sizes = fields(PROMPTED)["image_size"]
    assert (sizes.label, sizes.control, sizes.custom) == ("Image Size", "tiles", True)
    assert [(option.width, option.height) for option in sizes.options] == [
        (0, 0),
        (1024, 1024),
        (1536, 1024),
        (1024, 1536),
    ]
    ratios = fields(PROMPTED.changed("model", "gemini-2.5-flash-image"))["image_size"]
    assert (ratios.label, ratios.custom, len(ratios.options)) == ("Aspect Ratio", False, 10)
    assert not fields(PROMPTED.changed("model", "grok-imagine-image"))["image_size"].visible


def test_each_providers_size_is_remembered_by_itself():
    draft = entered(PROMPTED, image_size="1536x1024").changed("model", "gemini-2.5-flash-image")
    draft = draft.changed("image_size", "21:9")
    assert settings_of(draft)["image_size"] == "21:9"
    assert settings_of(draft.changed("model", "gpt-image-2"))["image_size"] == "1536x1024"


def test_problems_stand_at_their_field_with_the_remedy():
    draft = entered(Draft("gpt-image-2"), image_size="100x100", prompt=None)
    shown = fields(draft)
    assert "nearest legal size is 816 × 816." in shown["image_size"].problems[0]
    assert shown["prompt"].problems == ("Missing. Write what the image should show.",)
    assert {problem.field for problem in FormState.of(draft).problems} == {"prompt", "image_size"}
    assert FormState.of(draft).untouched == ()


def test_what_nobody_has_touched_is_called_wrong_only_when_it_is_run():
    state = FormState.of(Draft("gpt-image-2"))
    assert state.fields["prompt"].problems == ()
    assert state.untouched == ("Prompt",)
    assert [problem.field for problem in state.problems] == ["prompt"]
    tried = FormState.of(replace(Draft("gpt-image-2"), tried=True))
    assert "Missing" in tried.fields["prompt"].problems[0]
    assert tried.untouched == ()


@pytest.mark.parametrize(
    ("key", "entry", "problem"),
    [
        ("image_count", 0, "Not in its range. Use a whole number from 1 to 10."),
        ("image_count", 11, "Not in its range. Use a whole number from 1 to 10."),
        ("image_count", "2.7", "Not a whole number. Use a whole number from 1 to 10."),
        ("image_count", "many", "Not a whole number. Use a whole number from 1 to 10."),
        ("image_output_compression", 101, "Not in its range. Use a whole number from 0 to 100."),
    ],
)
def test_a_number_nobody_can_use_stays_and_is_told(key, entry, problem):
    draft = entered(PROMPTED, image_output_format="webp", **{key: entry})
    state = FormState.of(draft)
    assert state.step is None
    assert state.fields[key].value == entry
    assert state.fields[key].problems == (problem,)


def test_a_number_comes_back_with_a_model_that_takes_it():
    draft = entered(PROMPTED, image_output_format="webp", image_output_compression="2.7")
    assert FormState.of(draft.changed("model", "grok-imagine-image")).problems == ()
    assert (
        fields(draft.changed("model", "grok-imagine-image").changed("model", "gpt-image-2"))[
            "image_output_compression"
        ].value
        == "2.7"
    )


REPLACED = [
    (
        {"model": "gpt-image-2.5-flare", "image_quality": "max"},
        {"model": "gpt-image-2"},
        "image_quality",
        "You chose Max, but gpt-image-2 does not have it: Auto is used until it is possible again.",
    ),
    (
        {"image_output_format": "webp", "image_background": "transparent"},
        {"image_output_format": "jpeg"},
        "image_background",
        "You chose Transparent, but JPEG has no transparency: Auto is used until it is possible again.",
    ),
    (
        {"charge_type": "personal"},
        {"model": "gemini-2.5-flash-image"},
        "charge_type",
        "You chose Personal, but Gemini models are hosted-only: Hosted is used until it is possible again.",
    ),
    (
        {"image_output_format": "webp", "image_output_compression": 80},
        {"image_output_format": "png"},
        "image_output_compression",
        "80 is used again with another Output Format.",
    ),
    (
        {"model": "gemini-3.1-flash-image", "image_size": "1:8"},
        {"model": "gemini-2.5-flash-image"},
        "image_size",
        "You chose 1:8, but gemini-2.5-flash-image does not have it: 1:1 is used until it is possible again.",
    ),
]


@pytest.mark.parametrize(("chosen", "then", "key", "note"), REPLACED, ids=[case[2] for case in REPLACED])
def test_a_value_nobody_asked_to_change_is_told_kept_and_brought_back(chosen, then, key, note):
    draft = entered(PROMPTED, **chosen)
    assert fields(draft)[key].note == ""
    before = settings_of(draft)
    changed = entered(draft, **then)
    assert fields(changed)[key].note == note
    assert FormState.of(changed).problems == ()
    back = entered(changed, **{name: draft.entry(name) for name in then})
    assert settings_of(back) == before


def test_settings_that_a_model_does_not_have_are_told_at_the_model():
    draft = entered(PROMPTED, image_quality="high", image_size="1536x1024", image_background="auto")
    note = fields(draft.changed("model", "grok-imagine-image"))["model"].note
    assert note == "Kept for models that have it: Image Quality High, Image Size 1536 × 1024."
    assert fields(draft)["model"].note == ""


@pytest.mark.parametrize(
    ("key", "labels"),
    [
        ("charge_type", ["Hosted", "Personal"]),
        ("on_failure", ["Terminate Workflow", "Continue"]),
        ("image_background", ["Auto", "Opaque", "Transparent"]),
        ("image_output_format", ["PNG", "JPEG", "WebP"]),
        ("image_size", ["Auto", "1024 × 1024", "1536 × 1024", "1024 × 1536"]),
    ],
)
def test_choices_are_in_the_platforms_words(key, labels):
    assert [option.label for option in fields(PROMPTED)[key].options] == labels


def test_what_does_not_need_a_step_is_known_of_an_invalid_draft():
    state = FormState.of(entered(Draft("grok-imagine-image"), charge_type="personal"))
    assert state.step is None
    assert (state.provider.name, state.charge_type, state.streams) == ("xai", "personal", False)
    one, two = (FormState.of(Draft("gpt-image-2").changed("image_count", count)) for count in (1, 2))
    assert (one.streams, one.no_previews) == (True, "")
    assert (two.streams, two.no_previews) == (True, "Only for a single image: set Image Count to 1.")


def test_a_custom_size_is_told_its_limits_and_is_wrong_only_once_something_was_typed():
    chosen = FormState.of(PROMPTED.changed("image_size", EMPTY_SIZE))
    limits = "multiples of 16, longest edge 3840, ratio up to 3:1, 655,360 to 8,294,400 pixels"
    assert chosen.fields["image_size"].limits == limits
    assert (chosen.step, chosen.fields["image_size"].problems) == (None, ())
    assert chosen.untouched == ("Image Size",)
    for wrong in (
        PROMPTED.changed("image_size", "17x"),
        replace(PROMPTED.changed("image_size", "x"), tried=True),
    ):
        (problem,) = fields(wrong)["image_size"].problems
        assert limits in problem


def test_models_past_their_time_say_so_in_the_list_and_below_it():
    shown = fields(Draft("gemini-2.5-flash-image"))["model"]
    labels = {option.value: option.label for option in shown.options}
    assert list(labels) == MODELS
    hints = {option.value: option.hint for option in shown.options}
    assert labels["gemini-2.5-flash-image"] == "gemini-2.5-flash-image (restricted)"
    assert "restricted 2026-09-18, use gemini-3.1-flash-lite-image" in hints["gemini-2.5-flash-image"]
    assert "redirected" in labels["grok-imagine-image-quality"]
    assert labels["gpt-image-2"] == "gpt-image-2"
    assert "gemini-3.1-flash-lite-image" in shown.hint
    assert "2027-03-15 (reported by others, not by the provider)" in shown.hint


def test_a_declared_model_is_marked_in_the_list_and_below_it():
    catalog.register(Model("my-model", like="gpt-image-2"))
    shown = fields(Draft("my-model"))
    option = next(option for option in shown["model"].options if option.value == "my-model")
    assert (option.label, option.group) == ("my-model", "Declared by you")
    assert option.hint == "declared by you, like gpt-image-2; not offered by the platform"
    assert shown["model"].hint.startswith("Declared by you, like gpt-image-2")
    assert shown["image_quality"].visible


def test_a_draft_with_problems_is_no_step_and_one_without_is():
    assert FormState.of(Draft("gpt-image-2")).step is None
    state = FormState.of(PROMPTED)
    assert (state.step, state.problems) == (ImageGenerationStep(prompt="a fox"), ())


def test_a_draft_is_validated_once(monkeypatch):
    validated = []
    problems = ImageGenerationStep.problems
    monkeypatch.setattr(
        ImageGenerationStep, "problems", lambda given: validated.append(given) or problems(given)
    )
    FormState.of(PROMPTED)
    FormState.of(Draft("gpt-image-2"))
    assert validated == [{"model": "gpt-image-2", "prompt": "a fox"}, {"model": "gpt-image-2"}]


STEPS = [
    {},
    {"image_size": "1536x1024", "image_output_format": "webp", "image_output_compression": 80},
    {"image_quality": "auto", "image_count": 3, "name": "Hero", "on_failure": "continue"},
    {"model": "gemini-nano-banana-2.1", "image_size": "4:5"},
    {"model": "grok-imagine-image", "charge_type": "personal"},
]


@pytest.mark.parametrize("given_", STEPS)
def test_a_step_put_into_the_form_comes_out_the_same(given_):
    step = ImageGenerationStep(prompt="a {{thing}}", **given_)
    assert ImageGenerationStep(**settings_of(Draft.of(step))) == step


def test_loading_a_step_keeps_what_was_entered_for_other_providers():
    draft = entered(PROMPTED, image_quality="high")
    loaded = draft.loaded(ImageGenerationStep(model="grok-imagine-image", prompt="y"))
    assert settings_of(loaded) == {
        "model": "grok-imagine-image",
        "prompt": "y",
        "image_count": 1,
        "charge_type": "hosted",
        "on_failure": "terminate",
    }
    assert settings_of(loaded.changed("model", "gpt-image-2"))["image_quality"] == "high"


ENTRIES = st.lists(
    st.one_of(
        st.tuples(st.just("model"), st.sampled_from(MODELS)),
        st.tuples(st.just("image_output_format"), st.sampled_from(["png", "jpeg", "webp", None])),
        st.tuples(st.just("image_background"), st.sampled_from(["auto", "opaque", "transparent"])),
        st.tuples(st.just("image_quality"), st.sampled_from(["auto", "low", "high", "xhigh"])),
        st.tuples(st.just("image_output_compression"), st.integers(0, 100)),
        st.tuples(st.just("image_size"), st.sampled_from(["auto", "1024x1024", "16:9", "1:1"])),
        st.tuples(st.just("charge_type"), st.sampled_from(["hosted", "personal"])),
        st.tuples(st.just("image_count"), st.integers(1, 10)),
    ),
    max_size=12,
)


@hypothesis_settings(max_examples=150, deadline=None)
@given(ENTRIES)
def test_whatever_is_chosen_from_what_is_offered_is_a_step_that_can_run(entries):
    """The form never offers a combination that validation refuses."""
    draft = PROMPTED
    for key, value in entries:
        view = fields(draft)[key]
        offered = [option.value for option in view.options if not option.disabled]
        if view.visible and view.enabled and (not offered or value in offered):
            draft = draft.changed(key, value)
    assert FormState.of(draft).problems == ()
    assert FormState.of(draft).step == ImageGenerationStep(**settings_of(draft))
