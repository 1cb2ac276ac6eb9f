"""What every provider must do, as a pytest class that the author of a provider subclasses.

    from imagegen_nb.testing import ProviderContract

    class TestPaint(ProviderContract):
        provider = Paint()
        base_url = "http://127.0.0.1:9000/v1"  # a server that answers as the provider does

Each check says what is wrong and with which model. How a provider meets refusals and nonsense is tried
against a server that the suite starts itself.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NoReturn, Self, get_args

from pydantic import SecretStr

from imagegen_nb.core import images
from imagegen_nb.core.types import (
    GeneratedImage,
    ImageRequest,
    MissingImages,
    PartialImage,
    ProviderEvent,
    ResponseMetadata,
    SettingValue,
)
from imagegen_nb.errors import ImageRejected, ProviderError
from imagegen_nb.providers import catalog
from imagegen_nb.providers.base import Connection, Provider
from imagegen_nb.providers.capabilities import Choice, Integer, Kind, Model, PixelSize, Text
from imagegen_nb.providers.credentials import Credential, give_the_name
from imagegen_nb.step.step import ImageGenerationStep

_NOT_SETTINGS = frozenset({"provider"})
"""Keys of the output that are no settings of a step."""
_PLATFORM_KEYS = ImageGenerationStep.kinds()
_REFUSALS = (400, 401, 403, 404, 429, 500, 503)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What one `generate` call gave: its events, and the exception that ended it, if one did."""

    events: list[ProviderEvent]
    error: BaseException | None
    request: ImageRequest
    key: str

    @property
    def images(self) -> list[GeneratedImage]:
        return [event for event in self.events if isinstance(event, GeneratedImage)]

    @property
    def missing(self) -> list[MissingImages]:
        return [event for event in self.events if isinstance(event, MissingImages)]

    @property
    def metadata(self) -> list[ResponseMetadata]:
        return [event for event in self.events if isinstance(event, ResponseMetadata)]

    def errors(self) -> list[BaseException]:
        """Everything that was raised or reported, with what each was raised from."""
        raised = [self.error, *(event.error for event in self.missing)]
        chain: list[BaseException] = []
        for error in filter(None, raised):
            current: BaseException | None = error
            while current is not None and current not in chain:
                chain.append(current)
                current = current.__cause__ or current.__context__
        return chain


class ProviderContract:
    """The checks, one a method. A subclass sets `provider` and, unless it makes its images on this machine,
    `base_url`: a server that answers as the provider does.

    Override `sent_bodies` where that server remembers what it was sent, and `values` for kinds of setting of
    your own.
    """

    provider: Provider
    base_url: str = ""
    prompt: str = "a red square"
    timeout: float = 60.0
    """Seconds one call may take."""

    def sent_bodies(self) -> list[Any] | None:
        """The decoded bodies of the requests since the last call of this method; None where nobody knows.

        Where it is known, a setting must be in the request, not only read by the provider's code.
        """
        return None

    def values(self, kind: Kind) -> list[SettingValue]:
        """Values that a setting of `kind` may have, the most usual first."""
        match kind:
            case Choice():
                return list(kind.values)
            case Integer():
                return [kind.minimum, kind.maximum]
            case PixelSize():
                return list(kind.tiles)
            case Text():
                return ["x" * max(kind.shortest, 1)]
        schema = kind.schema()
        return [*schema.get("enum", ()), *schema.get("examples", ())]

    # The declaration

    def test_its_names_are_whole(self) -> None:
        """Name, label, address, the variable of the key, and every model's name."""
        provider = self.provider
        problems = [
            f"{attribute} is not set"
            for attribute in ("name", "label", "base_url", "key_variable")
            if not isinstance(getattr(provider, attribute, None), str) or not getattr(provider, attribute)
        ]
        if not problems and not re.fullmatch(r"[a-z][a-z0-9_-]*", provider.name):
            problems.append(f"name = {provider.name!r}: use lower-case letters, digits, - and _")
        if not problems and not re.fullmatch(r"[A-Z][A-Z0-9_]*", provider.key_variable):
            # not repeated: it may be the key
            problems.append(f"key_variable: {give_the_name('PAINT_API_KEY')}, in capitals")
        if not problems and not provider.base_url.startswith("https://"):
            problems.append(f"base_url = {provider.base_url!r}: a key may only go over https")
        names = Counter(model.name for model in getattr(provider, "models", ()))
        problems += [
            f"the model {name!r} is listed {count} times" for name, count in names.items() if count > 1
        ]
        if not names:
            problems.append("models is empty")
        self._fail_for(problems)

    def test_its_models_are_sound(self) -> None:
        """Settings the platform has, legal defaults, rules and output keys that name declared settings."""
        self._fail_for(
            f"{model.name}: {problem}" for model in self.provider.models for problem in _unsound(model)
        )

    def test_its_wire_names_are_complete(self) -> None:
        """Where `wire_names` is used, each setting has a name of its own in it."""
        wire_names = self.provider.wire_names
        declared = {key for model in self.provider.models for key in _own_settings(model)}
        problems = [f"wire_names has {key}, which no model declares" for key in wire_names.keys() - declared]
        if wire_names:
            problems += [f"wire_names lacks {key}" for key in declared - wire_names.keys()]
        twice = [name for name, count in Counter(wire_names.values()).items() if count > 1]
        problems += [f"wire_names gives {name!r} to several settings" for name in twice]
        self._fail_for(sorted(problems))

    # What it makes

    def test_every_setting_is_sent(self) -> None:
        """Each declared setting is read and, where `sent_bodies` tells, changes what is sent."""
        problems = []
        with self._in_catalog():
            for model in self.provider.models:
                for key in _own_settings(model):
                    problem = self._unsent(model, key)
                    problems += [f"{model.name}: {problem}"] if problem else []
        self._fail_for(problems)

    def test_every_image_asked_for_is_made_or_reported(self) -> None:
        """As many images and missing images as were asked for, each image with a number of its own."""
        problems = []
        for model in self.provider.models:
            for count in (1, 3):
                outcome = self._generate(ImageRequest(model=model.name, prompt=self.prompt, count=count))
                self._fail_if_it_failed(model, outcome)
                problems += [f"{model.name}: {problem}" for problem in _miscounted(outcome)]
        self._fail_for(problems)

    def test_an_answer_has_one_response_metadata(self) -> None:
        """One image is one answer, and an answer has its usage told once."""
        problems = []
        for model in self.provider.models:
            outcome = self._generate(ImageRequest(model=model.name, prompt=self.prompt))
            self._fail_if_it_failed(model, outcome)
            if len(outcome.metadata) != 1:
                problems.append(f"{model.name}: {len(outcome.metadata)} ResponseMetadata for one image")
        self._fail_for(problems)

    def test_previews_come_before_the_image(self) -> None:
        """A model that `streams` gives its image with previews asked for too."""
        problems = []
        for model in (model for model in self.provider.models if model.streams):
            outcome = self._generate(ImageRequest(model=model.name, prompt=self.prompt, partial_images=2))
            self._fail_if_it_failed(model, outcome)
            kinds = [
                type(event) for event in outcome.events if isinstance(event, PartialImage | GeneratedImage)
            ]
            if kinds.count(GeneratedImage) != 1 or kinds[-1] is not GeneratedImage:
                shown = ", ".join(kind.__name__ for kind in kinds) or "nothing"
                problems.append(f"{model.name}: asked for an image with previews, got {shown}")
        self._fail_for(problems)

    def test_leaving_early_leaves_nothing_behind(self) -> None:
        """Closing `generate` after its first event ends every task it started."""

        async def leave() -> set[asyncio.Task[Any]]:
            before = asyncio.all_tasks()
            request = ImageRequest(model=self.provider.models[0].name, prompt=self.prompt, count=3)
            async with aclosing(self.provider.generate(request, self._connection())) as events:
                async for _ in events:
                    break
            return asyncio.all_tasks() - before

        self.provider.prepare()
        if left := asyncio.run(leave()):
            _fail(f"generate left {len(left)} tasks running when it was closed after its first event")

    # How it fails

    def test_refusals_are_provider_errors(self) -> None:
        """Whatever a server answers, what comes out is a `ProviderError` that names the provider."""
        self._fail_for(
            f"{answer}: {problem}"
            for answer, outcome, _ in self._refused()
            for problem in self._not_provider_errors(outcome)
        )

    def test_the_key_stays_in_the_request(self) -> None:
        """It is in no address, no event and no error, although the server repeats it."""
        problems = [
            f"{answer}: {problem}"
            for answer, outcome, paths in self._refused()
            for problem in (*_leaks(outcome), *_leaks_in_addresses(outcome.key, paths))
        ]
        outcome = self._generate(ImageRequest(model=self.provider.models[0].name, prompt=self.prompt))
        self._fail_for([*problems, *_leaks(outcome)])

    # Helpers

    def _connection(self, base_url: str = "", key: str = "") -> Connection:
        # A key of its own for each call: what one call is refused must not keep the next one waiting.
        key = key or f"contract-{secrets.token_hex(12)}"
        return Connection(
            base_url=(base_url or self.base_url or self.provider.base_url).rstrip("/"),
            credential=Credential(SecretStr(key), "nobody (contract)", self.provider.key_variable),
            backend="emulator",
            timeout=self.timeout,
        )

    def _generate(self, request: ImageRequest, base_url: str = "") -> _Outcome:
        connection = self._connection(base_url)
        events: list[ProviderEvent] = []

        async def collect() -> BaseException | None:
            try:
                async with (
                    asyncio.timeout(self.timeout),
                    aclosing(self.provider.generate(request, connection)) as stream,
                ):
                    async for event in stream:
                        events.append(event)  # noqa: PERF401 - what came before an error counts
            except Exception as error:  # noqa: BLE001 - whatever it is, a check looks at it
                return error
            return None

        self.provider.prepare()
        return _Outcome(events, asyncio.run(collect()), request, connection.key)

    @contextmanager
    def _in_catalog(self) -> Iterator[None]:
        """The provider's models known to validation, as they are once it is registered."""
        if catalog.find(self.provider.models[0].name) is not None:
            yield
            return
        catalog.register(self.provider)
        try:
            yield
        finally:
            catalog.unregister(self.provider.name)

    def _unsent(self, model: Model, key: str) -> str:
        """Why the setting `key` is not known to be sent; empty when it is."""
        settings = self._legal_settings(model, key)
        if settings is None:
            return f"{key} has no legal value but its default, alone or with what its rules ask for"
        before = self._bodies(model, {name: value for name, value in settings.items() if name != key})
        request = ImageRequest(model=model.name, prompt=self.prompt, settings=settings)
        self._fail_if_it_failed(model, self._generate(request))
        if key in request.tracked_settings.unread:
            return f"{key} is declared, but generate does not read it from request.settings"
        if before is not None and self.sent_bodies() == before:
            return f"{key} = {settings[key]!r} changes nothing in the request"
        return ""

    def _bodies(self, model: Model, settings: Mapping[str, SettingValue]) -> list[Any] | None:
        """What is sent for `settings`, None where nobody knows."""
        if self.sent_bodies() is None:
            return None
        request = ImageRequest(model=model.name, prompt=self.prompt, settings=settings)
        self._fail_if_it_failed(model, self._generate(request))
        return self.sent_bodies()

    def _legal_settings(self, model: Model, key: str) -> dict[str, SettingValue] | None:
        """Settings with `key` set to something else than its default, as validation allows them."""
        own = _own_settings(model)
        others: list[dict[str, SettingValue]] = [{}]
        others += [
            {rule.when: value}
            for rule in model.rules
            if rule.field == key and rule.when in own
            for value in self.values(own[rule.when])
        ]
        for value in self.values(own[key]):
            for other in others:
                settings = {**other, key: value}
                step = {"model": model.name, "prompt": self.prompt, **settings}
                if value != own[key].default and not ImageGenerationStep.problems(step):
                    return settings
        return None

    def _refused(self) -> Iterator[tuple[str, _Outcome, list[str]]]:
        """What the provider makes of each refusal and each kind of nonsense, and the addresses it asked."""
        request = ImageRequest(model=self.provider.models[0].name, prompt=self.prompt, count=2)
        with _Refusing() as server:
            for answer in _ANSWERS:
                server.answer = answer
                server.paths.clear()
                outcome = self._generate(request, server.url)
                if not server.paths and outcome.images:  # it makes its images itself
                    return
                if not server.paths:
                    _fail(f"{request.model} sent no request to connection.base_url, and made no image")
                yield str(answer), outcome, list(server.paths)
        yield "no server", self._generate(request, server.url), []

    def _not_provider_errors(self, outcome: _Outcome) -> Iterator[str]:
        reported = [outcome.error, *(event.error for event in outcome.missing)]
        errors = [error for error in reported if error is not None]
        if outcome.images:
            yield "an image came out of an answer that holds none"
        if not errors:
            yield "neither raised a ProviderError nor reported MissingImages"
        for error in errors:
            if not isinstance(error, ProviderError):
                yield f"{type(error).__name__} instead of a ProviderError"
            elif error.provider != self.provider.name:
                yield f"the error names the provider {error.provider!r}"
        missing, count = sum(event.count for event in outcome.missing), outcome.request.count
        if outcome.error is None and missing != count:
            yield f"reported {missing} of {count} images as missing"

    def _fail_if_it_failed(self, model: Model, outcome: _Outcome) -> None:
        failures = [outcome.error, *(event.error for event in outcome.missing)]
        if not outcome.images and (error := next(filter(None, failures), None)):
            hint = "" if self.base_url else "; set base_url to a server that answers as the provider does"
            _fail(f"{model.name} made no image: {type(error).__name__}: {error}{hint}")

    def _fail_for(self, problems: Iterator[str] | list[str]) -> None:
        __tracebackhide__ = True
        if listed := list(dict.fromkeys(problems)):
            _fail(f"{getattr(self.provider, 'name', self.provider)}:\n  " + "\n  ".join(listed))


def _fail(message: str) -> NoReturn:
    __tracebackhide__ = True
    raise AssertionError(message)


def _own_settings(model: Model) -> dict[str, Kind]:
    """The model's settings that travel in a request; those that all models share do not."""
    return {key: kind for key, kind in model.settings.items() if _PLATFORM_KEYS.get(key) is None}


def _types_of(key: str) -> tuple[object, ...]:
    """The types that the step's field takes; a literal's are those of its words."""
    annotation = ImageGenerationStep.model_fields[key].annotation
    members = get_args(annotation) or (annotation,)
    return tuple(member if isinstance(member, type) else type(member) for member in members)


def _unsound(model: Model) -> Iterator[str]:
    """What is wrong with a model's declaration."""
    for key, kind in model.settings.items():
        if key not in _PLATFORM_KEYS:
            yield f"{key} is not a setting of the platform's step"
        elif kind.value_type not in _types_of(key):
            yield f"{key} is declared as {kind.value_type.__name__}, which the platform's step does not take"
        if kind.default is not None and kind.check(kind.default):
            yield f"the default {kind.default!r} of {key} is not one of its own values"
    for rule in model.rules:
        for key, values in ((rule.field, rule.refused), (rule.when, rule.equals)):
            kind_of = model.settings.get(key)
            if kind_of is None:
                yield f"a rule names {key}, which is not declared"
            else:
                yield from (
                    f"a rule names {key} = {value!r}, which is not one of its values"
                    for value in values
                    if kind_of.check(value)
                )
    known = {*model.settings, *(key for key, kind in _PLATFORM_KEYS.items() if kind), *_NOT_SETTINGS}
    yield from (
        f"output_settings names {key}, which is not declared"
        for key in model.output_settings
        if key not in known
    )
    yield from (
        f"labels names {key}, which is not declared" for key in model.labels or {} if key not in known
    )
    life = model.lifecycle
    if life.status != "current" and not (life.successor and life.since and life.note):
        yield f"it is {life.status}: say since when, why, and what its successor is"


def _miscounted(outcome: _Outcome) -> Iterator[str]:
    count = outcome.request.count
    made, missing = len(outcome.images), sum(event.count for event in outcome.missing)
    if made + missing != count:
        yield f"asked for {count}, got {made} images and {missing} reported as missing"
    numbers = [image.index for image in outcome.images]
    if len(set(numbers)) != len(numbers) or not set(numbers) <= set(range(count)):
        yield f"the images are numbered {numbers}, not from 0 to {count - 1}"
    for image in outcome.images:
        try:
            images.check(image.data, declared=image.declared_type)
        except ImageRejected as error:
            yield f"image {image.index}: {error}"


def _leaks(outcome: _Outcome) -> Iterator[str]:
    for error in outcome.errors():
        if outcome.key in f"{error!r} {error} {vars(error)!r}":
            yield f"the key is in a {type(error).__name__}, raised or behind what was raised"
    for event in outcome.events:
        if outcome.key in repr(event):
            yield f"the key is in a {type(event).__name__}"


def _leaks_in_addresses(key: str, paths: list[str]) -> Iterator[str]:
    if any(key in path for path in paths):
        yield "the key is in the address, which servers write into their logs; send it in a header"


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the refusing server says to everything."""

    status: int
    body: bytes | None
    media_type: str = "application/json"

    def __str__(self) -> str:
        text = "the key, in an error" if self.body is None else (self.body.decode() or "an empty body")
        return f"HTTP {self.status} with {text}"


_ANSWERS = (
    *(_Answer(status, None) for status in _REFUSALS),
    _Answer(404, b"not found", "text/plain"),
    _Answer(200, b"<html>hello</html>", "text/html"),
    _Answer(200, b""),
    _Answer(200, b"[]"),
    _Answer(200, b"{}"),
    _Answer(200, b'{"data": null, "candidates": 5}'),
)


@dataclass
class _Refusing:
    """A server on this machine that gives one answer to everything, and remembers the addresses."""

    answer: _Answer = _ANSWERS[0]
    paths: list[str] = field(default_factory=list)
    url: str = ""

    def __enter__(self) -> Self:
        refusing = self

        class Handler(BaseHTTPRequestHandler):
            def _respond(self) -> None:
                self.rfile.read(int(self.headers.get("content-length") or 0))
                refusing.paths.append(self.path)
                body = refusing.answer.body
                if body is None:  # the worst that a server can do: repeat what it was sent
                    body = json.dumps({"error": {"message": f"refused {dict(self.headers)}"}}).encode()
                self.send_response(refusing.answer.status)
                self.send_header("content-type", refusing.answer.media_type)
                self.send_header("content-length", str(len(body)))
                self.send_header("retry-after", "86400")  # longer than anybody waits
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = _respond  # noqa: N815 - the names the standard library looks for

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
