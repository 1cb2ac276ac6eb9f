"""The provider contract: the built-in providers keep it, and each check fails for one that breaks it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import ClassVar

import httpx2
import pytest
from support.images import picture

from imagegen_nb.core.types import GeneratedImage, MissingImages, PartialImage, ResponseMetadata
from imagegen_nb.errors import ProviderFault
from imagegen_nb.providers import catalog
from imagegen_nb.providers.base import Provider
from imagegen_nb.providers.capabilities import Choice, Integer, Lifecycle, Model, Rule
from imagegen_nb.providers.http.client import open_client
from imagegen_nb.providers.http.response import failure
from imagegen_nb.testing import ProviderContract


class OfEmulated(ProviderContract):
    """The contract of a built-in provider, kept against the emulator."""

    path = ""

    @pytest.fixture(autouse=True)
    def _emulator(self, emulator):
        self.emulator = emulator
        self.base_url = f"{emulator.url}{self.path}"

    def sent_bodies(self):
        bodies = [request.body for request in self.emulator.requests]
        self.emulator.clear()
        return bodies


class TestOpenAI(OfEmulated):
    provider = catalog.find("gpt-image-2").provider
    path = "/openai/v1"


class TestXAI(OfEmulated):
    provider = catalog.find("grok-imagine-image").provider
    path = "/xai/v1"


class TestGemini(OfEmulated):
    provider = catalog.find("gemini-nano-banana-2.1").provider
    path = "/gemini"


# A plug-in that keeps the contract, and what becomes of it when one thing is broken

pytestmark = pytest.mark.usefixtures("waits")

MODEL = Model(
    name="paint-1",
    settings={
        "image_quality": Choice(("wet", "dry"), "wet"),
        "image_output_format": Choice(("png", "webp"), "png"),
        "image_output_compression": Integer(0, 9, 3),
    },
    rules=(
        Rule("image_output_compression", (), "image_output_format", ("png",), "PNG is whole", "Use webp"),
    ),
    output_settings=("provider", "image_count", "image_quality"),
    streams=True,
)


class Paint(Provider):
    """It makes its images itself."""

    name = "paint"
    label = "Paint"
    base_url = "https://paint.example/v1"
    key_variable = "PAINT_API_KEY"
    wire_names: ClassVar = {
        "image_quality": "quality",
        "image_output_format": "format",
        "image_output_compression": "compression",
    }
    models = (MODEL,)

    async def generate(self, request, connection):
        request.wire_settings(self.wire_names)
        for index in range(request.partial_images):
            yield PartialImage(index, picture())
        for index in range(request.count):
            yield GeneratedImage(index, picture())
        yield ResponseMetadata(answered_by=request.model)


class Sender(Paint):
    """It asks a server, through the package's own client, and takes any 200 for an image."""

    async def generate(self, request, connection):
        body = request.wire_settings(self.wire_names)
        async with open_client(self.name, connection) as client:
            response = await client.send(
                lambda: client.http.post(
                    f"{connection.base_url}/images",
                    json=body,
                    headers={"authorization": f"Bearer {connection.key}"},
                )
            )
        if response.status != 200:
            raise failure(response, connection)
        yield ResponseMetadata(request_id=response.request_id)
        if "image" in response.json():
            for index in range(request.count):
                yield GeneratedImage(index, picture())
        else:
            yield MissingImages(response.invalid("no image"), request.count)


CHECKS = [name for name in dir(ProviderContract) if name.startswith("test_")]


def check(provider: Provider, name: str, contract: type[ProviderContract] = ProviderContract) -> None:
    kept = type("Kept", (contract,), {"provider": provider})()
    getattr(kept, name)()


def breaks(provider: Provider, name: str, message: str) -> None:
    """That one check fails, and says so."""
    with pytest.raises(AssertionError, match=message):
        check(provider, name)


@pytest.fixture
def sends(raw_server):
    """A server that has images, for the contract of `Sender`."""
    body = json.dumps({"image": "painted"}).encode()
    answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    server = raw_server(answer + body)

    class OfSender(ProviderContract):
        base_url = server.url

        def sent_bodies(self):
            bodies = [json.loads(request.body) for request in server.requests]
            server.requests.clear()
            return bodies

    return OfSender


@pytest.mark.parametrize("name", CHECKS)
def test_a_provider_that_makes_its_images_itself_can_keep_it(name):
    check(Paint(), name)
    assert catalog.find("paint-1") is None


@pytest.mark.parametrize("name", CHECKS)
def test_a_provider_that_sends_requests_can_keep_it(name, sends):
    check(Sender(), name, sends)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label": ""}, "label is not set"),
        ({"name": "Paint It"}, "use lower-case letters"),
        ({"key_variable": "paint key"}, "give the NAME of the environment variable"),
        ({"base_url": "http://paint.example"}, "only go over https"),
        ({"models": ()}, "models is empty"),
        ({"models": (MODEL, MODEL)}, "'paint-1' is listed 2 times"),
    ],
)
def test_names_that_are_not_whole(changes, message):
    breaks(type("Broken", (Paint,), changes)(), "test_its_names_are_whole", message)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"settings": {"image_mood": Choice(("sad",))}, "rules": ()}, "image_mood is not a setting of the"),
        (
            {"settings": {"image_quality": Choice(("wet",), "dry")}, "rules": ()},
            "default 'dry' of",
        ),
        ({"settings": {"image_size": Integer(1, 9)}, "rules": ()}, "image_size is declared as int, which"),
        ({"settings": {}}, "a rule names image_output_format, which is not declared"),
        ({"rules": (Rule("image_quality", ("icy",), "image_output_format", ("png",), "", ""),)}, "'icy'"),
        ({"output_settings": ("image_size",)}, "output_settings names image_size"),
        ({"labels": {"image_size": "Canvas"}}, "labels names image_size"),
        ({"lifecycle": Lifecycle("retired")}, "say since when, why"),
    ],
)
def test_a_model_that_is_not_sound(changes, message):
    broken = type("Broken", (Paint,), {"models": (replace(MODEL, **changes),)})()
    breaks(broken, "test_its_models_are_sound", message)


@pytest.mark.parametrize(
    ("wire_names", "message"),
    [
        ({"image_quality": "quality"}, "wire_names lacks image_output_compression"),
        ({**Paint.wire_names, "image_size": "size"}, "has image_size, which no model declares"),
        ({**Paint.wire_names, "image_quality": "format"}, "gives 'format' to several"),
    ],
)
def test_wire_names_that_are_not_complete(wire_names, message):
    broken = type("Broken", (Paint,), {"wire_names": wire_names})()
    breaks(broken, "test_its_wire_names_are_complete", message)


def test_a_setting_that_is_not_read():
    class Broken(Paint):
        async def generate(self, request, connection):
            request.settings.get("image_quality")
            yield GeneratedImage(0, picture())

    breaks(Broken(), "test_every_setting_is_sent", "image_output_compression is declared, but")
    assert catalog.find("paint-1") is None


def test_a_setting_that_is_read_and_not_sent(sends):
    class Broken(Sender):
        async def generate(self, request, connection):
            dict(request.settings)
            async for event in super().generate(replace(request, settings={}), connection):
                yield event

    with pytest.raises(AssertionError, match="image_quality = 'dry' changes nothing in the request"):
        check(Broken(), "test_every_setting_is_sent", sends)


def test_a_setting_that_can_never_be_set():
    stuck = replace(MODEL, settings={"image_quality": Choice(("wet",), "wet")}, rules=())
    broken = type("Broken", (Paint,), {"models": (stuck,)})()
    breaks(broken, "test_every_setting_is_sent", "image_quality has no legal value but its default")


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ([GeneratedImage(0, picture())], "asked for 3, got 1 images and 0 reported as missing"),
        ([GeneratedImage(0, picture())] * 3, r"numbered \[0, 0, 0\], not from 0 to 2"),
        ([GeneratedImage(n, picture()) for n in (1, 2, 3)], r"numbered \[1, 2, 3\]"),
        ([GeneratedImage(n, b"paint") for n in range(3)], "image 0: "),
    ],
)
def test_images_that_are_not_counted_right(made, message):
    class Broken(Paint):
        async def generate(self, request, connection):
            for event in made if request.count == 3 else [GeneratedImage(0, picture())]:
                yield event

    breaks(Broken(), "test_every_image_asked_for_is_made_or_reported", message)


@pytest.mark.parametrize("count", [0, 2])
def test_metadata_that_is_not_told_once(count):
    class Broken(Paint):
        async def generate(self, request, connection):
            yield GeneratedImage(0, picture())
            for _ in range(count):
                yield ResponseMetadata()

    breaks(Broken(), "test_an_answer_has_one_response_metadata", f"{count} ResponseMetadata for one image")


def test_previews_after_the_image():
    class Broken(Paint):
        async def generate(self, request, connection):
            yield GeneratedImage(0, picture())
            yield PartialImage(0, picture())

    breaks(Broken(), "test_previews_come_before_the_image", "got GeneratedImage, PartialImage")


def test_tasks_that_are_left_running():
    class Broken(Paint):
        async def generate(self, request, connection):
            self.task = asyncio.create_task(asyncio.sleep(60))
            yield GeneratedImage(0, picture())

    breaks(Broken(), "test_leaving_early_leaves_nothing_behind", "left 1 tasks running")


class Careless(Sender):
    """It asks with a client of its own; `meet` is what it makes of the answer."""

    async def generate(self, request, connection):
        async with httpx2.AsyncClient() as client:
            answer = await client.post(
                f"{connection.base_url}/images", headers={"authorization": f"Bearer {connection.key}"}
            )
        for event in self.meet(answer, request, connection):
            yield event

    def meet(self, answer, request, connection):
        raise NotImplementedError


def refused(reason: object, provider: str = "paint") -> ProviderFault:
    return ProviderFault(f"refused: {reason}", provider=provider)


def test_errors_that_are_not_provider_errors():
    class Broken(Careless):
        def meet(self, answer, request, connection):
            answer.raise_for_status()
            return [MissingImages(refused("nothing"), request.count)]

    breaks(Broken(), "test_refusals_are_provider_errors", "HTTP 401 with .*HTTPStatusError instead")


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ([], "neither raised a ProviderError nor reported"),
        ([MissingImages(refused("x", ""), 2)], "the error names the provider ''"),
        ([MissingImages(refused("x"), 1)], "reported 1 of 2 images as missing"),
        ([GeneratedImage(0, picture()), MissingImages(refused("x"))], "an image came out of an answer"),
    ],
)
def test_refusals_that_are_not_reported_right(events, message):
    class Broken(Careless):
        def meet(self, answer, request, connection):
            return events

    breaks(Broken(), "test_refusals_are_provider_errors", message)


def test_a_provider_that_asks_nobody_and_makes_nothing():
    class Broken(Paint):
        async def generate(self, request, connection):
            raise refused("at once")
            yield

    for name in ("test_refusals_are_provider_errors", "test_the_key_stays_in_the_request"):
        breaks(Broken(), name, "sent no request to connection.base_url, and made no image")
    breaks(Broken(), "test_an_answer_has_one_response_metadata", "made no image: ProviderFault.*set base_url")


def test_a_key_in_an_error():
    class Broken(Careless):
        def meet(self, answer, request, connection):
            raise refused(answer.text)

    breaks(Broken(), "test_the_key_stays_in_the_request", "the key is in a ProviderFault")


def test_a_key_behind_an_error():
    class Broken(Careless):
        def meet(self, answer, request, connection):
            try:
                raise LookupError(answer.text)
            except LookupError as error:
                raise refused("for a reason") from error

    breaks(Broken(), "test_the_key_stays_in_the_request", "the key is in a LookupError, raised or behind")


def test_a_key_in_an_event():
    class Broken(Careless):
        def meet(self, answer, request, connection):
            return [
                ResponseMetadata(request_id=answer.text[:500]),
                MissingImages(refused("nothing"), request.count),
            ]

    breaks(Broken(), "test_the_key_stays_in_the_request", "the key is in a ResponseMetadata")


def test_a_key_in_an_address():
    class Broken(Sender):
        async def generate(self, request, connection):
            async with open_client(self.name, connection) as client:
                response = await client.send(
                    lambda: client.http.post(f"{connection.base_url}/images?key={connection.key}")
                )
            raise failure(response, connection)
            yield

    breaks(Broken(), "test_the_key_stays_in_the_request", "the key is in the address")
