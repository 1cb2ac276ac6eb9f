"""Objects by way of obstore: what the service promises, and what its failures become."""

from __future__ import annotations

import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from support.ledger import run_program
from support.object_server import KEY_ID, SECRET, first

from imagegen_nb.core import redaction
from imagegen_nb.errors import InvalidOption, StoreError
from imagegen_nb.runs.workspace import Workspace
from imagegen_nb.store import object_client
from imagegen_nb.store.object_client import Objects, checked_url


@pytest.fixture
def objects(object_server, monkeypatch):
    """Objects in a bucket of their own; whoever tries again waits for milliseconds."""
    backoff = {"init_backoff": timedelta(milliseconds=1), "max_backoff": timedelta(milliseconds=5)}
    monkeypatch.setitem(object_client._RETRIES, "backoff", backoff)
    objects = Objects(object_server.new_url())
    object_server.forget()
    return objects


def raced(work: Any, count: int = 8) -> list[Any]:
    """What each of several threads got that began together."""
    together = threading.Barrier(count)

    def one(number: int) -> Any:
        together.wait()
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_of_many_who_create_an_object_one_does(objects):
    """If-None-Match, on which the whole log stands."""
    for number in range(5):
        won = raced(lambda who, key=f"log/{number}": objects.create(key, str(who).encode()))
        assert won.count(True) == 1
        assert objects.read(f"log/{number}", 10) == str(won.index(True)).encode()


def test_of_many_who_replace_a_version_one_does(objects):
    """If-Match: the log does not need it; whoever builds on the same server may rely on it."""
    from obstore.exceptions import PreconditionError

    objects.write("one", b"first")
    tag = objects._store.head("one")["e_tag"]

    def replace(who: int) -> bool:
        try:
            objects._store.put("one", str(who).encode(), mode={"e_tag": tag})
        except PreconditionError:
            return False
        return True

    won = raced(replace)
    assert won.count(True) == 1
    assert objects.read("one", 10) == str(won.index(True)).encode()


def test_objects_are_written_read_listed_and_removed(objects, object_server):
    assert objects.read("a/1", 10) is objects.size("a/1") is None
    assert objects.names("a") == []
    for number in (3, 1, 2):
        objects.write(f"a/{number}", str(number).encode())
    objects.write("ab/1", b"")
    assert objects.names("a") == ["a/1", "a/2", "a/3"]
    assert objects.names("a", after="a/1") == ["a/2", "a/3"]
    assert list(objects.read_all(["a/3", "a/9", "a/1"], 10)) == [b"3", None, b"1"]
    assert (objects.size("a/3"), objects.size("ab/1")) == (1, 0)
    objects.remove(["a/1", "a/9"])
    assert sorted(objects.modified("a")) == ["a/2", "a/3"]
    with pytest.raises(StoreError, match="larger than anything that is written there"):
        objects.read("a/2", 0)


# Failures


@pytest.mark.parametrize("status", [500, 503])
def test_a_failure_that_passes_is_waited_out(objects, object_server, status):
    with object_server.failing(first(3, status)):
        assert objects.create("log/1", b"data")
    assert object_server.kinds() == ["PUT log"] * 4


@pytest.mark.parametrize(
    ("status", "reason", "requests"),
    [
        (503, r"too busy \(503\), several times: try again in a minute", 7),
        (403, r"do not allow it \(403\): check their rights", 1),
        (400, r"refused it \(400\): check region, endpoint and bucket", 1),
    ],
)
def test_a_failure_that_stays_is_told_without_what_was_sent(objects, object_server, status, reason, requests):
    with object_server.failing(lambda *_: status), pytest.raises(StoreError, match=reason) as caught:
        objects.write("log/1", b"the content")
    assert len(object_server.asked) == requests
    told = f"{caught.value!r} {caught.value}"
    assert f"cannot write log/1 in {objects.url}" in told
    for secret in (KEY_ID, SECRET, "the content", "SlowDown", object_server.address):
        assert secret not in told
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_a_bucket_that_is_not_there_is_told(object_server):
    with pytest.raises(StoreError, match="there is no such bucket or folder"):
        Objects("s3://nobody-made-this/team").write("a", b"")


def test_a_service_that_is_not_there_is_told(objects, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(StoreError, match="could not be reached") as caught:
        Objects(objects.url).write("a", b"")
    assert "ALLOW_HTTP" not in str(caught.value)


@pytest.mark.parametrize("allowed", [None, "false", ""])
def test_an_endpoint_without_encryption_says_what_allows_it(objects, monkeypatch, allowed):
    monkeypatch.delenv("AWS_ALLOW_HTTP")
    if allowed is not None:
        monkeypatch.setenv("AWS_ALLOW_HTTP", allowed)
    says = "AWS_ENDPOINT_URL begins with http://, which is not used unless AWS_ALLOW_HTTP=true is set too"
    with pytest.raises(StoreError, match=says):
        Objects(objects.url).write("a", b"")


@pytest.mark.parametrize("allowed", ["true", "1", "TRUE"])
def test_an_endpoint_without_encryption_is_used_where_it_is_allowed(objects, monkeypatch, allowed):
    monkeypatch.setenv("AWS_ALLOW_HTTP", allowed)
    Objects(objects.url).write("a", b"b")


# Addresses


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("ftp://host/a", "ftp:// is not the URL of a store"),
        ("s3://AKIA:geheim@bucket/a", "holds more than a place"),
        ("s3://bucket/a?X-Amz-Signature=geheim", "holds more than a place"),
        ("az://container/a#geheim", "holds more than a place"),
        ("abfss://files:geheim@account/a", "holds more than a place"),
        ("s3:///team", "names no bucket"),
    ],
)
def test_an_address_that_is_none_is_refused_without_its_secrets(url, told):
    with pytest.raises(InvalidOption, match=told) as caught:
        Workspace(url)
    assert "geheim" not in str(caught.value)


def test_an_address_ends_without_a_slash():
    assert checked_url("s3://bucket/team/") == "s3://bucket/team"
    assert checked_url("abfss://files@account/team") == "abfss://files@account/team"
    assert checked_url("memory://") == "memory:///"


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(InvalidOption, match=r"needs the extra objects: pip install .*\[objects\]"):
        Workspace("s3://bucket/team")


FORKS = """
import os, sys
from imagegen_nb.errors import StoreError
from imagegen_nb.store.object_store import ObjectStore
store = ObjectStore(sys.argv[1])
assert store.used == 0
if os.fork() == 0:
    try:
        ObjectStore(sys.argv[1]).used
    except StoreError as error:
        print(error, flush=True)
    os._exit(0)
os.wait()
print(store.used)
"""


@pytest.mark.rigs
def test_a_forked_process_is_told_instead_of_waiting_for_ever(object_server):
    told = run_program(FORKS, object_server.new_url())
    assert 'start processes with multiprocessing.get_context("spawn")' in told
    assert told.endswith("\n0\n")


def google_account() -> str:
    """What Google gives a service: a key of its own, here of nobody's."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    names = {"client_email": "tests@example.invalid", "client_id": "1", "private_key_id": "k"}
    return json.dumps({"type": "service_account", "private_key": key.decode(), **names})


@pytest.mark.parametrize(
    ("url", "environment"),
    [
        ("s3://bucket/team", {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET}),
        (
            "az://files/team",
            {"AZURE_STORAGE_ACCOUNT_NAME": "a", "AZURE_STORAGE_ACCOUNT_KEY": "c2VjcmV0IGtleQ=="},
        ),
        ("gs://bucket/team", {"GOOGLE_SERVICE_ACCOUNT_KEY": google_account}),
    ],
)
def test_what_each_service_signs_is_known_for_a_secret(monkeypatch, url, environment):
    """Made on this machine: nobody is asked."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value if isinstance(value, str) else value())
    signed = Objects(url).signed("blobs/ab/one.png", 60)
    assert signed.startswith("https://")
    assert "/team/blobs/ab/one.png?" in signed
    assert redaction.find(signed) == "the signature of an address"
    assert [kind for _, kind in redaction.likely(signed)] == ["the signature of an address"]
    assert redaction.find(redaction.mask(signed)) is None
    assert redaction.MASK in redaction.mask(signed)
