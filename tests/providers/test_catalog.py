"""Every model there is: declared once, in the platform's order, open for registered providers."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from imagegen_nb import ImageGenerationStep, InvalidStep
from imagegen_nb.errors import InvalidOption
from imagegen_nb.providers import catalog
from imagegen_nb.providers.base import Provider
from imagegen_nb.providers.capabilities import Choice, Lifecycle, Model, Rule


def provider(name: str = "paint", *models: Model) -> Provider:
    """A provider of `models` that is never called."""

    class Paint(Provider):
        label = "Paint"
        base_url = "https://paint.example/v1"
        key_variable = "PAINT_API_KEY"

        async def generate(self, request, connection):
            raise AssertionError("never called")
            yield

    Paint.name = name
    Paint.models = models or (Model(name="paint-1", settings={"image_quality": Choice(("wet", "dry"))}),)
    return Paint()


@pytest.fixture
def registered():
    """Registers providers and takes them out again."""
    names = []

    def register(made: Provider) -> Provider:
        catalog.register(made)
        names.append(made.name)
        return made

    yield register
    for name in names:
        catalog.unregister(name)


def test_the_offered_models_come_first_in_the_platforms_order():
    names = [entry.model.name for entry in catalog.models()]
    assert names == [
        "gpt-image-2",
        "grok-imagine-image-quality",
        "grok-imagine-image",
        "gemini-2.5-flash-image",
        "gpt-image-2.5-flare",
        "gpt-image-2.5-sunburst",
        "gpt-image-2.6-flare",
        "gpt-image-2.6-sunburst",
        "grok-imagine-image-2.0",
        "gemini-3.1-flash-image",
        "gemini-nano-banana-2.1",
        "gemini-3.1-flash-lite-image",
        "gemini-3-pro-image",
    ]
    assert [entry.model.offered for entry in catalog.models()] == [True] * 4 + [False] * 9


def test_the_providers_stand_in_the_platforms_order():
    assert [each.name for each in catalog.providers()] == ["openai", "xai", "gemini"]


@pytest.mark.parametrize("entry", catalog.models(), ids=lambda entry: entry.model.name)
def test_a_declaration_is_whole(entry):
    model = entry.model
    assert set(model.settings) <= set(ImageGenerationStep.model_fields)
    assert {key for rule in model.rules for key in (rule.field, rule.when)} <= set(model.settings)
    assert model.lifecycle.source.startswith("https://")
    for day in (model.lifecycle.since, model.lifecycle.ends):
        assert re.fullmatch(r"\d{4}-\d\d-\d\d|", day)
    assert set(model.labels or {}) <= set(model.settings)
    for kind in model.settings.values():
        assert kind.default is None or kind.check(kind.default) is None


@pytest.mark.parametrize("entry", catalog.models(), ids=lambda entry: entry.model.name)
def test_a_model_past_its_time_names_a_current_successor(entry):
    life = entry.model.lifecycle
    if life.status == "current":
        assert life.successor == ""
    else:
        successor = catalog.find(life.successor)
        assert successor is not None
        assert successor.model.lifecycle.status == "current"
        assert life.note
        assert life.since


def test_a_model_is_found_by_its_name():
    found = catalog.find("grok-imagine-image")
    assert found is not None
    assert (found.provider.name, found.model.name) == ("xai", "grok-imagine-image")


@pytest.mark.parametrize("name", ["", "GPT-IMAGE-2", "gpt-image-2 ", None, 5, ["gpt-image-2"], {}])
def test_nothing_else_is_found(name):
    assert catalog.find(name) is None


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("gpt-image2", "gpt-image-2"),
        ("grok-image", "grok-imagine-image"),
        ("gemini-2.5-flash", "gemini-2.5-flash-image"),
        ("dall-e-3", ""),
        (None, ""),
    ],
)
def test_the_nearest_known_model(name, nearest):
    assert catalog.nearest(name) == nearest


def test_a_registered_provider_is_usable_at_once_and_gone_after(registered):
    registered(provider())
    step = ImageGenerationStep(model="paint-1", prompt="x", image_quality="wet")
    assert step.entry.provider.name == "paint"
    assert catalog.models()[-1].model.name == "paint-1"
    assert "paint-1" in str(ImageGenerationStep.json_schema())
    catalog.unregister("paint")
    with pytest.raises(InvalidStep, match="not a known model"):
        ImageGenerationStep(model="paint-1", prompt="x")
    assert "paint-1" not in str(ImageGenerationStep.json_schema())


@pytest.mark.parametrize(
    "clash",
    [provider("openai"), provider("other", Model(name="gpt-image-2", settings={}))],
    ids=["name", "model"],
)
def test_a_taken_name_is_refused(clash):
    with pytest.raises(InvalidOption, match="already registered"):
        catalog.register(clash)
    assert len(catalog.providers()) == 3


def test_registering_twice_is_refused(registered):
    made = registered(provider())
    with pytest.raises(InvalidOption, match="already registered"):
        catalog.register(made)


def test_a_provider_with_a_key_in_the_place_of_its_variables_name_is_refused(registered):
    made = provider()
    made.key_variable = "sk-proj-canary0123456789canary0123456789"
    with pytest.raises(InvalidOption, match="key_variable: give the NAME of the environment") as caught:
        registered(made)
    assert "canary" not in str(caught.value)


def test_unregistering_an_unknown_name_does_nothing():
    catalog.unregister("nobody")
    catalog.unregister("openai")
    assert [each.name for each in catalog.providers()] == ["openai", "xai", "gemini"]


def test_the_rules_of_a_registered_model_are_kept(registered):
    rule = Rule("image_background", ("transparent",), "image_quality", ("wet",), "wet paint runs", "Use dry")
    settings = {
        "image_quality": Choice(("wet", "dry"), "wet"),
        "image_background": Choice(("opaque", "transparent")),
    }
    registered(provider("ruled", Model(name="ruled-1", settings=settings, rules=(rule,))))
    with pytest.raises(InvalidStep, match="wet paint runs"):
        ImageGenerationStep(model="ruled-1", prompt="x", image_background="transparent")
    assert ImageGenerationStep(
        model="ruled-1", prompt="x", image_background="transparent", image_quality="dry"
    )


# Models that users declare


def test_a_declared_model_takes_what_the_model_it_is_like_takes():
    catalog.register(Model("my-model", like="gpt-image-2"))
    mine, known = catalog.find("my-model"), catalog.find("gpt-image-2")
    assert mine.provider is known.provider
    assert dict(mine.model.settings) == dict(known.model.settings)
    assert (mine.model.rules, mine.model.output_settings) == (known.model.rules, known.model.output_settings)
    assert (mine.model.streams, mine.model.offered, mine.model.like) == (True, False, "gpt-image-2")
    assert mine.model.lifecycle == Lifecycle()
    assert catalog.models()[-1] is mine
    with pytest.raises(InvalidStep, match="not available"):
        ImageGenerationStep(
            model="my-model", prompt="x", image_output_format="jpeg", image_background="transparent"
        )
    assert "my-model" in str(ImageGenerationStep.json_schema())


def test_a_declared_model_may_differ_from_the_model_it_is_like():
    ratios = Choice(("1:1", "7:3"), "1:1")
    step = ImageGenerationStep(
        model=Model(
            "wide", like="gemini-nano-banana-2.1", settings={"image_size": ratios}, stored_as="image/png"
        ),
        prompt="x",
        image_size="7:3",
    )
    assert step.entry.model.stored_as == "image/png"
    assert step.entry.model.default("charge_type") == "hosted"
    assert step.entry.model.labels == {"image_size": "Aspect Ratio"}


def test_a_step_takes_a_declaration_as_its_model_and_so_does_a_later_cell():
    for quality in ("low", "high"):
        mine = Model("gpt-image-3", like="gpt-image-2")
        step = ImageGenerationStep(model=mine, prompt="x", image_quality=quality)
        assert step.model == "gpt-image-3"
    assert ImageGenerationStep(model="gpt-image-3", prompt="x") == step.replace(image_quality=None)
    assert step.replace(model=Model("gpt-image-3", like="gpt-image-2.5-flare"), image_quality="max")
    assert catalog.find("gpt-image-3").model.like == "gpt-image-2.5-flare"
    catalog.unregister("gpt-image-3")
    assert catalog.find("gpt-image-3") is None
    with pytest.raises(InvalidOption, match=r"not registered.*ig.Model\('gpt-image-3', like='gpt-image-2'\)"):
        step.request("x")


def test_a_declaration_may_be_like_another_declaration():
    catalog.register(Model("first", like="grok-imagine-image"))
    catalog.register(Model("second", like="first"))
    assert catalog.find("second").provider.name == "xai"
    assert catalog.find("second").model.stored_as == "image/png"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Model("my-model"), "say which known model it is like"),
        (lambda: catalog.register(Model("gpt-image-2", like="gpt-image-2.5-flare")), "known already"),
        (
            lambda: catalog.register(Model("my-model", like="gpt-image2")),
            "nearest known model is gpt-image-2",
        ),
        (lambda: catalog.register(Model("my-model", like="my-model")), "like is not a known model"),
        (lambda: catalog.register(Model("my-model", like=5)), "like is not a known model"),
        (lambda: catalog.register(Model("my-model", settings={})), "belongs to no registered provider"),
        *[
            (
                lambda name=name: catalog.register(Model(name, like="gpt-image-2")),
                "a model's name has letters",
            )
            for name in (
                "",
                " ",
                "a b",
                "../../v1/files",
                "a/../b",
                "a?b=c",
                "a#b",
                "ä",
                "a\n",
                "x" * 101,
                None,
                7,
            )
        ],
    ],
)
def test_a_declaration_that_cannot_be_is_refused(make, says):
    before = catalog.models()
    with pytest.raises(InvalidOption, match=says):
        make()
    assert catalog.models() == before


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("gpt-image-9", "declare a newer one as model=ig.Model('gpt-image-9', like='gpt-image-2"),
        ("openai/gpt-image-9", "model=ig.Model('openai/gpt-image-9', like='gpt-image-2"),
        (
            "dall-e-3",
            "models` lists them all; declare one that is not among them as model=ig.Model('dall-e-3'",
        ),
        ("two words", "not a known model. `imagegen-nb models` lists them all"),
        ("gpt image 2", "the nearest known model is gpt-image-2"),
    ],
)
def test_the_refusal_of_an_unknown_model_says_how_to_declare_it(name, says):
    with pytest.raises(InvalidStep) as caught:
        ImageGenerationStep(model=name, prompt="x")
    assert says.lower() in str(caught.value).lower()
    assert ("ig.Model" in str(caught.value)) is ("declare" in says or "ig.Model" in says)
    assert ("nearest" in str(caught.value)) is ("-image" in says or "gpt" in says)


def test_a_providers_own_model_stands_for_its_name(registered):
    made = registered(provider())
    assert ImageGenerationStep(model=made.models[0], prompt="x").model == "paint-1"


def test_a_provider_that_is_given_other_models_is_listed_with_them(registered, monkeypatch):
    paint = registered(provider())
    assert catalog.find("paint-1") is not None
    monkeypatch.setattr(type(paint), "models", (replace(paint.models[0], name="paint-2"),))
    assert catalog.find("paint-1") is None
    assert catalog.find("paint-2") in catalog.models()


@pytest.mark.parametrize("name", [[], {}, None, 5, object(), float("nan")])
def test_what_can_be_no_name_is_not_found(name):
    assert catalog.find(name) is None
