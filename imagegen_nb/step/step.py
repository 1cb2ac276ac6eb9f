"""The step: the platform's settings as one frozen, validated value."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeVar, Unpack, cast, overload

from pydantic import BaseModel, ConfigDict, Field, model_validator

from imagegen_nb.core import user_warnings, variable_mistakes, variables
from imagegen_nb.core.keywords import helpful_calls, no_workspace
from imagegen_nb.core.near_attributes import NearAttributes
from imagegen_nb.core.plain_data import plain
from imagegen_nb.core.types import ChargeType, ImageRequest, OnFailure
from imagegen_nb.errors import InvalidOption, InvalidStep, ModelLifecycleWarning, Problem, VariableError
from imagegen_nb.providers import catalog
from imagegen_nb.providers.base import CatalogEntry
from imagegen_nb.providers.capabilities import Choice, Integer, Kind, Model, Text
from imagegen_nb.step import schema, validation
from imagegen_nb.step.run_context import RunContext, RunOptions, with_run_options

if TYPE_CHECKING:
    from imagegen_nb.core.stored_size import StoredSize
    from imagegen_nb.pricing.estimate import Estimate, PricedCall
    from imagegen_nb.step.step_settings import StepChanges, StepSettings

LONGEST_PROMPT = 32_000
"""Characters; OpenAI's documented maximum, applied to all models."""

RunT = TypeVar("RunT")
_warned: set[str] = set()
_PLAIN = frozenset((str, int, float, bool, type(None)))
"""Types whose values mean themselves."""


@helpful_calls
class ImageGenerationStep(NearAttributes, BaseModel, frozen=True):
    """An Image Generation step: what the platform's form holds, under the platform's keys.

    The prompt may go first, without its name. Unset (None) means the provider's default. Which settings a
    model takes, and their values, is declared by its provider (`imagegen-nb models` lists it); a setting that
    does not apply is refused. `model` is the name of a known model, or a `Model` of your own declared like
    one. Raises `InvalidStep` listing every problem.
    """

    model_config = ConfigDict(extra="forbid", strict=True, protected_namespaces=())

    name: Annotated[str | None, Text(0, 200)] = Field(
        default=None,
        title="Name",
        description="What people call this step. Files are named after it; variable paths are not.",
    )
    model: str = Field(
        default="gpt-image-2", title="Model", description="Decides which settings are shown below."
    )
    prompt: Annotated[str, Text(1, LONGEST_PROMPT)] = Field(
        title="Prompt",
        description="What the image should show. {{name}} stands for an input of the workflow.",
    )
    image_size: str | None = Field(
        default=None, title="Image Size", description="The shape of every image of a run."
    )
    image_count: Annotated[int, Integer(1, 10, 1)] = Field(
        default=1, title="Image Count", description="How many images a run makes."
    )
    image_quality: str | None = Field(
        default=None, title="Image Quality", description="Higher quality takes longer and costs more."
    )
    image_background: str | None = Field(
        default=None, title="Image Background", description="What is behind the subject."
    )
    image_moderation: str | None = Field(
        default=None, title="Image Moderation", description="How strictly the provider filters."
    )
    image_output_format: str | None = Field(
        default=None, title="Output Format", description="The file type of the images."
    )
    image_output_compression: int | None = Field(
        default=None,
        title="Output Compression",
        description="For JPEG and WebP: a lower number makes smaller files with less detail.",
    )
    charge_type: Annotated[ChargeType, Choice(("hosted", "personal"), "hosted")] = Field(
        default="hosted",
        title="Charge Type",
        description="Who pays: the workspace's hosted credit, or your own provider key.",
    )
    on_failure: Annotated[
        OnFailure,
        Choice(("terminate", "continue"), "terminate", labels={"terminate": "Terminate Workflow"}),
    ] = Field(
        default="terminate",
        title="When the step fails",
        description="Whether later steps still run.",
    )

    @overload
    def __init__(self, prompt: str, /, **settings: Unpack[StepSettings]) -> None: ...

    @overload
    def __init__(self, /, *, prompt: str, **settings: Unpack[StepSettings]) -> None: ...

    def __init__(self, prompt: str | None = None, /, **settings: Any) -> None:
        if prompt is not None:
            if "prompt" in settings:
                raise InvalidOption("the prompt is given twice, by position and as prompt=: leave one out")
            settings = {**settings, "prompt": prompt}
        super().__init__(**settings)

    # It takes what BaseModel's takes, so that pydantic may go on validating without it.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @model_validator(mode="before")
    @classmethod
    def _refuse_problems(cls, data: Any) -> Any:
        """All rules at once, from the declarations; pydantic's own checks then find nothing more."""
        if not isinstance(data, Mapping):
            return data
        data = _meant(data)
        if problems := cls.problems(data):
            raise InvalidStep(problems)
        return {key: value for key, value in data.items() if value is not None}

    def model_post_init(self, context: Any, /) -> None:
        """Say once per process that the model is not what it was, naming the successor."""
        if (notice := self.lifecycle_notice) and self.model not in _warned:
            _warned.add(self.model)
            user_warnings.warn(notice, ModelLifecycleWarning)

    @classmethod
    def problems(cls, settings: Mapping[str, Any]) -> tuple[Problem, ...]:
        """Everything wrong with `settings` (by platform key); an empty tuple when nothing is."""
        values = _meant(settings)
        if values.get("model") is None:
            values["model"] = cls.model_fields["model"].default
        return validation.problems({key: v for key, v in values.items() if v is not None}, _kinds_of(cls))

    @classmethod
    def check_prompt(cls, text: str) -> tuple[str, str] | None:
        """What is wrong with `text` as a (filled-in) prompt, and the remedy; None when nothing is."""
        kind = cls.kinds()["prompt"]
        return kind.check(text) if kind else None

    @classmethod
    def kinds(cls) -> dict[str, Kind | None]:
        """Every key with its kind where all models share it, None where the model decides."""
        return dict(_kinds_of(cls))

    @classmethod
    def labels(cls) -> dict[str, str]:
        """Every key with the platform's label for it."""
        return {key: field.title or key for key, field in cls.model_fields.items()}

    @classmethod
    def help(cls) -> dict[str, str]:
        """Every key with a line that says what it is for."""
        return {key: field.description or "" for key, field in cls.model_fields.items()}

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """The JSON Schema (2020-12) of a step's settings, with each model's rules as conditionals."""
        body = schema.step_schema(cls.kinds(), cls.labels(), cls.model_fields["model"].default)
        return {"$schema": schema.DIALECT, "title": "Image Generation step", **body}

    @property
    def entry(self) -> CatalogEntry:
        """The declared model and its provider."""
        entry = catalog.find(self.model)
        if entry is None:  # its provider was unregistered after the step was made
            raise InvalidOption(
                f"{self.model} is not registered (any more): register its provider again, or "
                f"{catalog.declaration(self.model)}"
            )
        return entry

    @property
    def variables(self) -> tuple[str, ...]:
        """The paths between `{{` and `}}` in the prompt, each once, in order."""
        return variables.paths(self.prompt)

    @property
    def lifecycle_notice(self) -> str:
        """What a user of the model should know about its future; empty for a current model."""
        return self.entry.model.lifecycle.notice(self.model)

    @property
    def lifecycle_note(self) -> str:
        """The notice in one short line, for a run's notes; empty for a current model."""
        life = self.entry.model.lifecycle
        if life.status == "current":
            return ""
        return f"{self.model} is {life.outlook}; use {life.successor}"

    @property
    def declaration_note(self) -> str:
        """That the model is the user's own declaration, in one line; empty for a model of the catalog."""
        like = self.entry.model.like
        if not like:
            return ""
        return (
            f"{self.model} is declared by the user, like {like}: its life, limits and price are unknown here"
        )

    def effective(self, setting: str) -> Any:
        """A setting's value, or its model's default when unset; None when the model has neither."""
        value = getattr(self, setting)
        return self.entry.model.default(setting) if value is None else value

    def settings(self) -> dict[str, Any]:
        """The settings that are set, under the platform's keys, in the platform's order."""
        return {key: value for key, value in self.model_dump().items() if value is not None}

    def replace(self, **changes: Unpack[StepChanges]) -> Self:
        """A validated copy with `changes`; None unsets. Raises `InvalidStep`."""
        return type(self)(**{**self.settings(), **changes})

    def request(self, prompt: str, *, partial_images: int = 0) -> ImageRequest:
        """What the provider is asked for, with the rendered `prompt`."""
        common = type(self).kinds()
        own = (key for key in self.entry.model.settings if common[key] is None)
        values = {key: getattr(self, key) for key in own}
        return ImageRequest(
            model=self.model,
            prompt=prompt,
            count=self.image_count,
            settings={key: value for key, value in values.items() if value is not None},
            partial_images=partial_images,
        )

    def estimate(
        self, inputs: Mapping[str, Any] | None = None, *, partial_images: int = 0, batch: bool = False
    ) -> Estimate:
        """What a run would cost at the provider's list price; nothing is sent, and no key is read.

        The amounts are exact, a range, or None where the cost is unknown; then `reason` says why. `inputs`
        fills the prompt, as in `run`; what a run would note of it stands in `notes`. `batch` asks for the
        price in a provider's batch. Raises `VariableError` where the prompt cannot be filled.
        """
        from imagegen_nb.pricing.estimate import estimate  # deferred: it needs prices, which a step does not

        check_inputs(inputs)
        if type(partial_images) is not int or partial_images < 0:
            raise InvalidOption(f"partial_images = {partial_images!r}: use a whole number, 0 or more")
        values = plain(inputs or {})
        prompt = variable_mistakes.fill(self.prompt, values)
        known = estimate(self.priced_call(prompt, partial_images=partial_images, batch=batch))
        notes = variable_mistakes.notes(self.prompt, values)
        return dataclasses.replace(known, notes=(*known.notes, *notes))

    @property
    def pixels(self) -> int | None:
        """The pixels of a size like `1024x1024`; None where the model chooses, or only a ratio is set."""
        width, _, height = (self.effective("image_size") or "").partition("x")
        return int(width) * int(height) if width.isdecimal() and height.isdecimal() else None

    @property
    def stored_size(self) -> StoredSize:
        """The bytes that a run's images will roughly take in a store, and how many it reserves there."""
        from imagegen_nb.core.stored_size import stored_size

        kind = (self.entry.model.stored_as or "").removeprefix("image/")
        return stored_size(self.image_count, self.pixels, kind or self.effective("image_output_format") or "")

    def priced_call(
        self,
        prompt: str,
        *,
        partial_images: int = 0,
        unpriced_account: str = "",
        most: Decimal | None = None,
        batch: bool = False,
    ) -> PricedCall:
        """What decides the cost of a run with the rendered `prompt`, as `PricedCall` says it."""
        from imagegen_nb.pricing.estimate import PricedCall

        return PricedCall(
            provider=self.entry.provider.name,
            model=self.model,
            prompt=prompt,
            count=self.image_count,
            size=self.effective("image_size"),
            quality=self.effective("image_quality"),
            partial_images=partial_images,
            declared=bool(self.entry.model.like),
            unpriced_account=unpriced_account,
            most=most,
            batch=batch,
        )

    @with_run_options
    def run(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        workspace: RunContext[ImageGenerationStep, RunT],
        **options: Unpack[RunOptions[RunT]],
    ) -> RunT:
        """Run the step and wait for it; works in scripts and in notebook cells alike.

        `inputs` fills the prompt's variables: text, numbers, dates, lists, dicts, models, or earlier runs.
        `on_event` is called with each `RunEvent`. `partial_images` (0 to 3, one image, OpenAI) asks for live
        previews as events. `identifier` is the name later steps use. Interrupting cancels the run; images
        that had arrived are kept. Raises `VariableError`, `MissingCredential`, and under "terminate"
        `StepFailed`.
        """
        return _checked(workspace).submit(self, inputs, **options).wait()

    @with_run_options
    async def arun(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        workspace: RunContext[ImageGenerationStep, RunT],
        **options: Unpack[RunOptions[RunT]],
    ) -> RunT:
        """Run the step; like `run`, to be awaited from any event loop."""
        return await _checked(workspace).submit(self, inputs, **options).join()

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """As `replace`: pydantic's own copy would not validate."""
        return self.replace(**cast("StepChanges", dict(update or {})))

    @classmethod
    def __get_pydantic_json_schema__(cls, schema_: Any, handler: Any, /) -> dict[str, Any]:
        """The one JSON Schema, also for pydantic's `model_json_schema` and models that hold a step."""
        return {key: value for key, value in cls.json_schema().items() if key != "$schema"}

    def __setattr__(self, name: str, value: Any) -> None:
        if name in type(self).model_fields:
            raise InvalidOption(f"a step cannot be changed; make a new one: step.replace({name}=...)")
        super().__setattr__(name, value)

    def __repr_args__(self) -> Any:
        return self.settings().items()

    def __str__(self) -> str:
        return repr(self)


@cache
def _kinds_of(step: type[ImageGenerationStep]) -> Mapping[str, Kind | None]:
    return {
        key: next((mark for mark in field.metadata if isinstance(mark, Choice | Integer | Text)), None)
        for key, field in step.model_fields.items()
    }


def _meant(settings: Mapping[str, Any]) -> dict[str, Any]:
    """`settings` with the values that members of enumerations and NumPy's numbers stand for; a declared model
    is its name, and usable from now on."""
    values = dict(settings)
    for key, value in settings.items():
        if type(value) in _PLAIN:
            continue
        if key == "model" and isinstance(value, Model):
            values[key] = catalog.declare(value).model.name
        if isinstance(value, Enum) or hasattr(value, "dtype"):
            with suppress(VariableError):  # refused by its setting, in the words of settings
                values[key] = plain(value)
    return values


def _checked(workspace: RunContext[ImageGenerationStep, RunT]) -> RunContext[ImageGenerationStep, RunT]:
    if callable(getattr(workspace, "submit", None)):
        return workspace
    raise no_workspace(workspace)


def _show_settings() -> None:
    """Let a kernel complete the prompt's name, and the settings that `replace` takes.

    Pydantic's signature has the prompt as what cannot be named; that of `replace` has no names at all.
    """
    signature = inspect.signature(ImageGenerationStep)
    prompt, *settings = signature.parameters.values()
    prompt = prompt.replace(kind=inspect.Parameter.POSITIONAL_OR_KEYWORD, default=prompt.empty)
    ImageGenerationStep.__signature__ = signature.replace(parameters=[prompt, *settings])
    replace = inspect.signature(ImageGenerationStep.replace)
    self, others = replace.parameters.values()  # others are answered by the step itself
    changes = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY, default=...) for p in (prompt, *settings)]
    ImageGenerationStep.replace.__signature__ = replace.replace(parameters=[self, *changes, others])  # type: ignore[attr-defined]


_show_settings()


def check_inputs(inputs: object) -> None:
    """Raise `InvalidOption` for what are no inputs by name, and for a step among them, which has no output;
    None is no input."""
    if inputs is not None and not isinstance(inputs, Mapping):
        raise InvalidOption(
            f"inputs is of type {type(inputs).__name__}: give values by name, e.g. {{'product': 'a lamp'}}"
        )
    for name, value in (inputs or {}).items():
        if isinstance(value, ImageGenerationStep):
            raise InvalidOption(f"inputs.{name} is a step: give its run, as step.run() returns it")
