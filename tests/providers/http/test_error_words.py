"""Errors in the words of whoever wrote them, in every shape there is, and what the status adds.

Every shape goes through a whole run of every provider too: a real server answers with it.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen_nb import Gateway, ImageGenerationStep, Workspace
from imagegen_nb.errors import (
    AuthenticationFailed,
    BadRequest,
    InvalidResponse,
    ModelRetired,
    ProviderFault,
    QuotaExhausted,
)
from imagegen_nb.providers.http import error_words

MODELS = {"openai": "gpt-image-2", "xai": "grok-imagine-image", "gemini": "gemini-nano-banana-2.1"}
PATHS = {"openai": "/v1", "xai": "/v1", "gemini": ""}
KEY = "odd.key~of+no/known=shape:0123456789"
each_provider = pytest.mark.parametrize("provider", MODELS)

WORDS = "The flux capacitor is empty."
SHAPES = {
    "openai": {"error": {"message": WORDS, "type": "invalid_request_error", "param": None, "code": None}},
    "xai": {"code": "Client specified an invalid argument", "error": WORDS},
    "gemini": {"error": {"code": 400, "message": WORDS, "status": "INVALID_ARGUMENT"}},
    "gemini, in a list": [{"error": {"code": 400, "message": WORDS, "status": "INVALID_ARGUMENT"}}],
    "error": {"error": WORDS},
    "detail": {"detail": WORDS},
    "message": {"message": WORDS},
    "Message": {"Message": WORDS},
    "msg": {"code": 400, "msg": WORDS},
    "error and its message": {"error": "Bad Request", "message": WORDS, "status": 400, "path": "/v1"},
    "errors": {"errors": [WORDS]},
    "errors of Cloudflare": {"success": False, "errors": [{"code": 7003, "message": WORDS}], "messages": []},
    "fault": {"fault": {"faultstring": WORDS, "detail": {"errorcode": "x"}}},
    "oauth": {"error": "invalid_request", "error_description": WORDS},
    "detail of detail": {"detail": {"error": {"message": WORDS}}},
    "detail list": {"detail": [{"msg": WORDS}]},
    "string in a string": {"error": {"error": {"detail": WORDS}}},
    "Azure, inner error": {"error": {"code": "x", "message": WORDS, "inner_error": {"code": "y"}}},
}
MORE = {
    "RFC 9457": (
        {"type": "about:blank", "title": "Forbidden", "status": 400, "detail": WORDS, "instance": "/1"},
        f"Forbidden: {WORDS}",
    ),
    "RFC 9457, title only": ({"type": "about:blank", "title": WORDS, "status": 400}, WORDS),
    "FastAPI": (
        {"detail": [{"loc": ["body", "size"], "msg": "field required", "type": "missing"}]},
        "body.size: field required",
    ),
    "FastAPI, two": (
        {"detail": [{"loc": ["body", "a", 0], "msg": "bad"}, {"loc": ["query", "b"], "msg": "worse"}]},
        "body.a.0: bad; query.b: worse",
    ),
    "white space": ({"message": " The  flux\ncapacitor is\tempty. "}, WORDS),
    "code only": ({"error": {"code": "SomethingOdd"}}, "SomethingOdd"),
    "nothing": ({"a": 1}, ""),
    "null": ({"error": None, "message": ""}, ""),
}
ALL = {name: (body, WORDS) for name, body in SHAPES.items()} | MORE


@pytest.mark.parametrize("name", ALL)
def test_the_words_of_every_shape(name):
    body, words = ALL[name]
    found = error_words.read(json.dumps(body).encode())
    assert found.text == words
    assert found.readable == bool(words)
    assert not found.page


@pytest.mark.parametrize(
    ("body", "text", "page"),
    [
        (b"<html><head><title>403 Forbidden</title></head></html>", "403 Forbidden", True),
        (b"<!doctype html><TITLE lang=en>\n A &amp; B \n</TITLE>", "A & B", True),
        (b"<h1>Not <b>Here</b></h1>", "Not Here", True),
        (b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>", "Access Denied", True),
        (b"\xef\xbb\xbf  <html></html>", "", True),
        (b"<html>" + b"x" * 1_000_000, "", True),
        (b"<title>" + b"long " * 500 + b"</title>", ("long " * 24).strip() + " ", True),
        (b"<html>" + b"<title>" * 9_000, "", True),
        (b"<title>" + b"<" * 60_000, "", True),
        (b"error code: 1020", "error code: 1020", False),
        (b"  Forbidden\r\n", "Forbidden", False),
        (b"", "", False),
        (b'{"error": ', "", False),
        (b"[1, 2]", "", False),
        (b'\xef\xbb\xbf{"message": "a BOM"}', "a BOM", False),
        (b'{"message": "caf\xe9"}', "caf\ufffd", False),
        (b'{"message": "a raw \x01 control"}', "a raw \x01 control", False),
        (b'{"message": "half \\ud83d"}', "half ?", False),
        (b'{"message": NaN, "detail": "x"}', "x", False),
        (b"[" * 100_000, "", False),
        (b'{"error": ' * 5_000 + b"1" + b"}" * 5_000, "", False),
    ],
)
def test_words_of_what_is_hardly_readable(body, text, page):
    found = error_words.read(body)
    assert found.text.strip() == text.strip()
    assert found.page is page


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "errors", "detail", "message", "title", "code", "loc", "data"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(JSON | st.binary(max_size=100))
def test_any_answer_can_be_read(body):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    found = error_words.read(raw)
    found.text.encode()
    assert error_words.is_error(raw) in (True, False)


# An error that came as a success


@pytest.mark.parametrize("name", [*SHAPES, "RFC 9457", "FastAPI"])
def test_an_error_is_known_under_a_200(name):
    assert error_words.is_error(json.dumps(ALL[name][0]).encode())


@pytest.mark.parametrize(
    "body",
    [
        {"data": [{"b64_json": "YQ=="}], "error": None},
        {"data": [{"b64_json": "YQ=="}], "error": "1 of 2 failed"},
        {"images": ["YQ=="], "message": "done"},
        {"candidates": [{"finishReason": "SAFETY"}]},
        {"promptFeedback": {"blockReason": "SAFETY"}},
        {"created": 1, "data": None},
        {"data": [], "usage": {}},
        {"image": "YQ==", "message": "done"},
        {"b64_json": "YWJj" * 20, "error": "but with a flaw"},
        {"error": "but with a flaw", "image": {"b64_json": "YQ=="}},
        {},
        [],
        None,
    ],
)
def test_what_brings_something_is_no_error(body):
    assert not error_words.is_error(json.dumps(body).encode())


# Whole runs


@pytest.fixture(autouse=True)
def key(monkeypatch, waits):
    monkeypatch.setenv("GATEWAY_KEY", KEY)


@pytest.fixture
def asked(raw_server, tmp_path):
    """A run of `provider` that is answered with `body`; its error, and the ledger's charge."""

    def ask(provider: str, status: int, body: object, kind: str = "application/json"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        head = f"HTTP/1.1 {status} Said\r\ncontent-type: {kind}\r\ncontent-length: {len(data)}\r\n\r\n"
        server = raw_server(head.encode() + data)
        hosted = {provider: Gateway(server.url + PATHS[provider], "GATEWAY_KEY")}
        step = ImageGenerationStep(prompt="x", model=MODELS[provider], image_count=1, on_failure="continue")
        with Workspace(tmp_path / server.url[-5:], hosted=hosted, timeout=30) as workspace:
            error = step.run(workspace=workspace).error
            (entry,) = workspace.runs()
        assert error.charge == entry.charge
        assert len(server.requests) == 1
        return error

    return ask


@each_provider
@pytest.mark.parametrize("name", [*SHAPES, "RFC 9457", "FastAPI"])
@pytest.mark.parametrize("status", [200, 202, 400, 422, 500])
def test_every_provider_keeps_the_answers_own_words(asked, provider, status, name):
    body, words = ALL[name]
    error = asked(provider, status, body)
    kinds = {200: InvalidResponse, 202: InvalidResponse, 400: BadRequest, 422: BadRequest, 500: ProviderFault}
    assert (type(error), error.status) == (kinds[status], status)
    assert error.message.startswith(words)
    assert error.charge == ("unknown" if status in (200, 202, 500) else "none")


@each_provider
@pytest.mark.parametrize("name", ["error", "openai", "detail", "FastAPI"])
def test_the_key_is_taken_out_of_them(asked, provider, name):
    body = json.loads(json.dumps(ALL[name][0]).replace(WORDS, f"Bad {KEY}").replace("required", KEY))
    error = asked(provider, 400, body)
    assert KEY not in str(error)
    assert "[redacted]" in error.message


def test_a_200_is_classified_by_the_providers_own_codes(asked):
    error = asked("openai", 200, {"error": {"message": "No money.", "code": "insufficient_quota"}})
    assert (type(error), error.message, error.charge) == (QuotaExhausted, "No money.", "unknown")


# 404: the model, or the address

RETIRED = [
    {"error": {"message": "The model `x` does not exist.", "code": "model_not_found"}},
    {"error": {"message": "Nothing here.", "code": "model_not_found"}},
    {"code": "Some requested entity was not found", "error": "The model x does not exist"},
    {
        "error": {
            "code": 404,
            "message": "models/x is not found for API version v1beta",
            "status": "NOT_FOUND",
        }
    },
    {"error": {"code": 404, "message": "Publisher Model `projects/p` was not found.", "status": "NOT_FOUND"}},
    {"error": {"code": 404, "message": "Requested entity was not found.", "status": "NOT_FOUND"}},
    {"error": {"message": "No endpoints found for x.", "code": 404}},
    {"detail": "Model 'x' not found"},
    b"model not found",
]
MISSED = [
    {"error": {"message": "Invalid URL (POST /v1/models/x)", "type": "invalid_request_error"}},
    {"error": {"code": 404, "message": "Method not found.", "status": "NOT_FOUND"}},
    {"error": {"code": "404", "message": "Resource not found"}},
    {"detail": "Not Found"},
    {"message": "no Route matched with those values"},
    {"success": False, "errors": [{"code": 7003, "message": "Could not route to /x"}]},
    b"<html><title>404 Not Found</title><p>our model pages</p></html>",
    b"404 page not found",
    b"",
    {},
]


@each_provider
@pytest.mark.parametrize("body", RETIRED, ids=str)
def test_a_404_about_the_model(asked, provider, body):
    error = asked(provider, 404, body)
    assert (type(error), error.charge) == (ModelRetired, "none")


@each_provider
@pytest.mark.parametrize("body", MISSED, ids=str)
def test_a_404_about_the_address_says_what_was_asked_and_what_a_gateway_is(asked, provider, body):
    error = asked(provider, 404, body)
    assert (type(error), error.charge) == (BadRequest, "none")
    assert "The request went to an address below http://127.0.0.1:" in error.message
    assert "a Gateway sends requests below its base_url" in error.message
    assert "retired" not in str(error)
    said = error_words.read(body if isinstance(body, bytes) else json.dumps(body).encode()).text
    assert said.rstrip(".") in error.message


# 403: the key, or a firewall


@each_provider
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": {"message": "Your key may not do this."}}, AuthenticationFailed),
        ({"message": "Forbidden"}, AuthenticationFailed),
        ({"error": {"code": 403, "message": "Denied.", "status": "PERMISSION_DENIED"}}, AuthenticationFailed),
        (b"invalid API key", AuthenticationFailed),
        (
            {
                "error": {
                    "code": "unsupported_country_region_territory",
                    "message": "Country, region, or territory not supported",
                    "type": "request_forbidden",
                }
            },
            BadRequest,
        ),
        (b"", AuthenticationFailed),
        (b"<html><title>Access denied | proxy.example</title></html>", ProviderFault),
        (b"<html></html>", ProviderFault),
        (b"error code: 1020", ProviderFault),
        (b"RBAC: access denied", ProviderFault),
    ],
    ids=str,
)
def test_a_403_is_a_refused_key_only_where_an_api_says_so(asked, provider, body, kind):
    error = asked(provider, 403, body)
    assert (type(error), error.charge) == (kind, "none")
    assert ("a firewall or a gateway on the way" in error.message) == (kind is ProviderFault)
    if b"title" in (body if isinstance(body, bytes) else b""):
        assert "with an HTML page: “Access denied | proxy.example”" in error.message


CLOSED = (
    {"error": {"code": "403", "message": "Access denied due to Virtual Network/Firewall rules."}},
    {"error": {"code": "403", "message": "Public access is disabled. Please configure private endpoint."}},
    {"error": {"code": "403", "message": "Traffic is not from an approved private endpoint."}},
    {"error": {"code": 403, "message": "Prohibited by policy. vpcServiceControlsUniqueIdentifier: x"}},
)


@each_provider
@pytest.mark.parametrize("body", CLOSED, ids=str)
def test_an_account_that_is_closed_to_a_network_is_no_refused_key(asked, provider, body):
    error = asked(provider, 403, body)
    assert (type(error), error.charge) == (ProviderFault, "none")
    assert error.message.startswith(body["error"]["message"].rstrip("."))
    assert "closed to this network; the key is not the cause" in error.message


@each_provider
@pytest.mark.parametrize("status", [403, 429])
def test_a_spent_volume_of_calls_is_a_lack_of_quota_and_asked_once(asked, provider, status):
    said = "Out of call volume quota. Quota will be replenished in 10.00:00:00."
    error = asked(provider, status, {"statusCode": status, "message": said})
    assert (type(error), error.message, error.charge) == (QuotaExhausted, said, "none")


@pytest.mark.parametrize("status", [400, 404, 410])
def test_a_model_that_azure_has_ended_is_retired(asked, status):
    said = "The model is deprecated and can no longer be used."
    error = asked("openai", status, {"error": {"code": "ModelDeprecated", "message": said}})
    assert (type(error), error.charge) == (ModelRetired, "none")


@each_provider
def test_the_title_of_a_page_that_came_as_a_success_is_told(asked, provider):
    page = f"<html><title>Login {KEY}</title></html>".encode()
    error = asked(provider, 200, page, "text/html")
    assert type(error) is InvalidResponse
    assert "an HTML page: “Login [redacted]” instead of images" in error.message


@each_provider
@pytest.mark.parametrize("status", [400, 401, 402, 502])
def test_the_title_of_a_page_is_told(asked, provider, status):
    error = asked(provider, status, b"<html><title>Out to lunch</title></html>", "text/html")
    assert "with an HTML page: “Out to lunch”" in error.message


WITHOUT_FILES = """
import os
from imagegen_nb.providers.http.error_words import is_error
try:
    while True:
        os.open(os.curdir, os.O_RDONLY)
except OSError:
    print(is_error(b'{"data": []}'), is_error(b'{"error": "no"}'))
"""


def test_the_first_answer_is_read_where_no_file_can_be_opened():
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n{WITHOUT_FILES}"
    done = subprocess.run([sys.executable, "-c", limited], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("False True\n", "")
