"""A ready judge: asks a vision model how well an image meets a rubric."""

from __future__ import annotations

import difflib
import hashlib
import json
import math
from functools import partial
from typing import TYPE_CHECKING, Any

from imagegen_nb.core import redaction, user_warnings
from imagegen_nb.core.daemon_threads import PIXELS, STORE
from imagegen_nb.core.keywords import helpful_calls
from imagegen_nb.core.types import SYNTHETIC_BACKENDS, ChargeType, VisionAnswer, VisionRequest
from imagegen_nb.errors import (
    AssetNotFound,
    ImageRejected,
    InvalidOption,
    InvalidResponse,
    ModelLifecycleWarning,
    ProviderError,
)
from imagegen_nb.judges import verdict
from imagegen_nb.judges.picture import ENCODING, SentPicture, picture_of
from imagegen_nb.judges.verdict import NoVerdict, Verdict
from imagegen_nb.providers.base import Provider
from imagegen_nb.providers.catalog import providers
from imagegen_nb.runs.questions import Question, ask
from imagegen_nb.step.output import Asset

if TYPE_CHECKING:
    from imagegen_nb.runs.run import Run
    from imagegen_nb.runs.workspace import Workspace

_LONGEST_RUBRIC = 20_000
_FEWEST_TOKENS, _MOST_TOKENS = 64, 65_536
_EDGES = range(64, 4097)
_warned: set[str] = set()


@helpful_calls
class VisionJudge:
    """Scores an image by asking `model` how well it meets the `rubric`; a judge for `sweep.score`.

    `scale` are the lowest and the highest score. The image is sent scaled down to `longest_edge` pixels.
    `most_tokens` bounds each answer, thoughts included, and with it what it can cost. Whoever pays in
    `workspace` pays for it: its hosted account for the provider, or the user's own key; its budgets, its
    emulator and the cassette in use hold for judges as for runs. `provider` names the provider of a model
    that is not known here.

    Awaited with an image it gives `{"score": 7.0, "reason": "…"}`, or raises: an error never becomes a score.
    `name` is the same for equal judges, and another one for judges that may answer otherwise.
    """

    def __init__(
        self,
        model: str,
        *,
        rubric: str,
        workspace: Workspace,
        scale: tuple[float, float] = (0, 10),
        provider: str | None = None,
        longest_edge: int = 1024,
        most_tokens: int = 4096,
    ) -> None:
        self.provider = _provider_of(model, provider)
        self.model = model
        self.rubric = _checked_rubric(rubric)
        self.scale = _checked_scale(scale)
        _check_number("longest_edge", longest_edge, _EDGES.start, _EDGES.stop - 1)
        _check_number("most_tokens", most_tokens, _FEWEST_TOKENS, _MOST_TOKENS)
        self.longest_edge = longest_edge
        self.most_tokens = most_tokens
        if not callable(getattr(workspace, "route", None)):
            raise InvalidOption(
                f"workspace = {workspace!r}: give a workspace, which says who pays, e.g. "
                'workspace=ig.Workspace("assets", backend="emulator")'
            )
        self.workspace = workspace
        _warn_of_the_end(self.provider, model)

    @property
    def name(self) -> str:
        """The model, and a short hash of whatever else decides what it answers. What the emulator says of an
        image is kept apart from what a model does."""
        asked = [self.provider.name, self._question, self._schema, self.longest_edge, ENCODING]
        digest = hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:10]
        synthetic = self.workspace.backend in SYNTHETIC_BACKENDS
        return f"{self.model}-{digest}{'-emulated' if synthetic else ''}"

    async def __call__(self, image: Asset, run: Run | None = None) -> dict[str, float | str]:
        """The score and the reason for it. Raises as `judge` does."""
        said = await self.judge(image)
        return {"score": said.score, "reason": said.reason}

    async def judge(self, image: Asset) -> Verdict:
        """The verdict on an image, with what it cost.

        Raises `AssetNotFound` or `ImageRejected` where there is no picture to send, before anything is
        asked; `BudgetExceeded` and `MissingCredential` likewise; `ModerationBlocked` where the model refuses;
        `InvalidResponse` for an answer that is no verdict; other `ProviderError`s as a run does.
        """
        if not isinstance(image, Asset):
            raise InvalidOption(
                f"image is a {type(image).__name__}: give an image of a run, run.output.assets[0]"
            )
        name = f"image {image.file_name} ({image.id})"
        picture = await self._picture(image, name)
        about = {"image": image.id, "file_name": image.file_name}
        question = Question(
            provider=self.provider,
            request=self._request(picture),
            width=picture.width,
            height=picture.height,
            charge_type=self._charge_type,
            asked_by={"judge": self.name, "rubric": self.rubric, "scale": list(self.scale)},
            about=about,
        )
        failure: ProviderError
        try:
            answered = await ask(question, self.workspace, partial(self._read, name))
        except ProviderError as error:
            if name in error.message:
                raise
            failure = error
        else:
            told = answered.value
            return Verdict(
                score=told["score"],
                reason=told["reason"],
                cost=answered.cost,
                model=answered.metadata.answered_by or self.model,
                request_id=answered.metadata.request_id,
                emulated=answered.cost.synthetic,
            )
        raise failure.saying(f"{failure.message.rstrip('.')}. Asked about {name}; it has no score")

    async def _picture(self, image: Asset, name: str) -> SentPicture:
        """The picture as it is sent. Raises `AssetNotFound` or `ImageRejected`, which name the image."""
        problem: AssetNotFound | ImageRejected
        try:
            data = await STORE.run(image.bytes)
            return await PIXELS.run(partial(picture_of, data, self.longest_edge))
        except AssetNotFound as error:
            problem = AssetNotFound(f"{name} cannot be judged: {error}. Nothing was asked")
        except ImageRejected as error:
            problem = ImageRejected(
                f"{name} cannot be judged: {error}. Nothing was asked; `imagegen-nb store check` finds "
                "damaged files"
            )
        raise problem

    def _request(self, picture: SentPicture) -> VisionRequest:
        return VisionRequest(
            model=self.model,
            question=self._question,
            image=picture.data,
            media_type=picture.media_type,
            schema=self._schema,
            most_tokens=self.most_tokens,
        )

    def _read(self, name: str, answer: VisionAnswer) -> dict[str, Any]:
        """The verdict in an answer. Raises a `ProviderError`, which names the image, where there is none."""
        if answer.error is not None:
            raise answer.error
        try:
            return verdict.read(answer, self.scale)
        except NoVerdict as problem:
            said = str(problem)
        raise InvalidResponse(
            f"{self.model} gave no verdict on {name}: {said}",
            provider=self.provider.name,
            request_id=answer.metadata.request_id,
            charge="charged" if answer.metadata.reported else "unknown",
        )

    @property
    def _question(self) -> str:
        return verdict.question(self.rubric, self.scale)

    @property
    def _schema(self) -> dict[str, Any]:
        return verdict.schema(self.scale)

    @property
    def _charge_type(self) -> ChargeType:
        return "hosted" if self.provider.name in self.workspace.hosted else "personal"

    def __repr__(self) -> str:
        return f"VisionJudge({self.model!r}, rubric={self.rubric[:60]!r}, scale={self.scale})"


def _provider_of(model: object, named: str | None) -> Provider:
    """The provider that serves a model. Raises `InvalidOption`."""
    if not isinstance(model, str) or not model.strip():
        raise InvalidOption(f"model = {model!r}: give the name of a vision model")
    known = {each.name: provider for provider in providers() for each in provider.vision_models}
    if named is not None:
        provider = next((each for each in providers() if each.name == named), None)
        if provider is None:
            names = ", ".join(each.name for each in providers())
            raise InvalidOption(f"provider = {named!r}: not a provider; choose from {names}")
        if not provider.can_answer:
            raise InvalidOption(
                f"provider = {named!r}: {provider.label} cannot be asked about images: it has no `answer`; "
                f"known models are {', '.join(known)}"
            )
        return provider
    if model not in known:
        close = difflib.get_close_matches(model[:100], _current(), n=1, cutoff=0.0)[0]
        raise InvalidOption(
            f"model = {model!r}: not known as a model that looks at pictures; the nearest is {close}. For a "
            'newer one say whose it is, such as provider="openai"'
        )
    return known[model]


def _current() -> list[str]:
    """The vision models that come without a warning, by name."""
    models = [each for provider in providers() for each in provider.vision_models]
    return [each.name for each in models if not each.lifecycle.notice(each.name)]


def _warn_of_the_end(provider: Provider, model: str) -> None:
    """Say once per process that a model is not what it was, naming the successor."""
    for each in provider.vision_models:
        if each.name == model and model not in _warned and (notice := each.lifecycle.notice(model)):
            _warned.add(model)
            user_warnings.warn(notice, ModelLifecycleWarning)


def _checked_rubric(rubric: object) -> str:
    if not isinstance(rubric, str) or not rubric.strip() or len(rubric) > _LONGEST_RUBRIC:
        raise InvalidOption(
            f"rubric: give text of at most {_LONGEST_RUBRIC:,} characters that says what a good image is like"
        )
    if kind := redaction.typed_key(rubric):
        raise InvalidOption(f"rubric holds {kind}. Take it out: it is sent with every image")
    return rubric.strip()


def _checked_scale(scale: object) -> tuple[float, float]:
    bounds = tuple(scale) if isinstance(scale, tuple | list) else ()
    numbers = [
        b for b in bounds if isinstance(b, int | float) and not isinstance(b, bool) and math.isfinite(b)
    ]
    if len(bounds) == len(numbers) == 2 and numbers[0] < numbers[1]:
        return numbers[0], numbers[1]
    raise InvalidOption(f"scale = {scale!r}: give the lowest and the highest score, such as (0, 10)")


def _check_number(option: str, value: object, least: int, most: int) -> None:
    if type(value) is not int or not least <= value <= most:
        raise InvalidOption(f"{option} = {value!r}: give a whole number from {least:,} to {most:,}")
