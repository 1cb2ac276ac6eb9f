"""A store below a URL: what lies in it, what each run asks of the service, and that kills lose nothing."""

from __future__ import annotations

import ast
import hashlib
import random
import re
import time
import uuid
from collections import OrderedDict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import pytest
from support.images import picture
from support.ledger import content, entry, made, new, other_process, put, states
from support.object_server import KEY_ID, SECRET

from imagegen_nb import ImageGenerationStep, Workspace, save_step
from imagegen_nb.core import images
from imagegen_nb.errors import AssetNotFound, InvalidOption, SecretFound, StoreError
from imagegen_nb.step.output import Asset
from imagegen_nb.store import object_leases, thumbnails
from imagegen_nb.store.object_store import ObjectStore

SIGNATURE = re.compile("X-Amz-Signature|X-Amz-Credential|" + re.escape(KEY_ID))


@pytest.fixture
def store(object_server):
    store = ObjectStore(object_server.new_url())
    object_server.forget()
    return store


@pytest.fixture
def bucket(object_server, emulator):
    """A workspace in a bucket."""
    with Workspace(object_server.new_url(), backend=emulator.url, timeout=60) as workspace:
        object_server.forget()
        yield workspace


def everything_in(store: ObjectStore) -> dict[str, bytes]:
    """All objects with their content."""
    folders = ("blobs", "thumbnails", "log", "segments", "leases")
    names = [name for folder in folders for name in store._objects.names(folder)]
    return {name: store._objects.read(name, 1 << 30) or b"" for name in names}


# What lies where


def test_bytes_lie_once_under_their_hash_with_their_type(store, object_server):
    one, two = put(store, b"data"), put(store, b"data")
    digest = hashlib.sha256(b"data").hexdigest()
    key = f"blobs/{digest[:2]}/{digest}.png"
    assert store._objects.names("blobs") == [key]
    assert one.file_url == two.file_url == f"{store.url}/{key}"
    assert store._objects._store.get(key).attributes["Content-Type"] == "image/png"
    assert store.used == 8


def test_bytes_are_there_before_their_record_and_a_run_before_it_asks(store, object_server):
    run = entry()
    store.begin(run, None)
    begun = object_server.kinds()
    image = new(store, b"data", run_id=run.run_id)
    assert (begun[0], begun[-1], object_server.kinds()[-1]) == ("PUT leases", "PUT log", "PUT blobs")
    store.finish(run, [image])
    assert object_server.kinds()[-1] == "PUT log"


@pytest.mark.parametrize("harm", [b"", b"dat", b"data and more"])
def test_other_bytes_under_an_images_name_are_replaced_when_it_comes_again(store, harm):
    digest = hashlib.sha256(b"data").hexdigest()
    store._objects.write(f"blobs/{digest[:2]}/{digest}.png", harm)
    stored = put(store, b"data")
    assert content(ObjectStore(store.url), stored.id) == b"data"


def test_an_image_that_somebody_removed_is_not_found(store):
    stored = put(store, b"data")
    store._objects.remove(store._objects.names("blobs"))
    other = ObjectStore(store.url)
    assert (other.get(stored.id), other.holds(stored)) == (stored, False)
    with pytest.raises(AssetNotFound, match=stored.id):
        other.open(stored.id)


def test_thumbnails_are_kept_for_other_processes(store, monkeypatch):
    monkeypatch.setattr(thumbnails, "_made", OrderedDict())
    asset = made(store, picture())
    assert asset.stored is not None
    small = thumbnails.thumbnail(store, asset.stored, images.STATIC)
    other = ObjectStore(store.url)
    assert other.read_thumbnail(asset.stored, images.STATIC.name) == small
    other.keep_thumbnail(asset.stored, "another", b"no webp")
    assert other.read_thumbnail(asset.stored, "another") is None


# What is asked


def test_a_run_takes_two_requests_and_one_for_each_image(bucket, object_server, monkeypatch):
    """The figures of docs/stores.md."""
    monkeypatch.setattr(object_leases, "RENEWAL", 600.0)  # however slow the machine
    step = ImageGenerationStep(prompt="A lamp", image_count=2)
    step.run(workspace=bucket)
    first = ["PUT leases", "LIST segments", "LIST log", "PUT log", "PUT blobs", "PUT blobs", "PUT log"]
    probes = ["PUT probes", "PUT probes", "POST"]  # once in the life of a store
    assert object_server.kinds() == [*first[:3], *probes, *first[3:]]
    object_server.forget()
    run = step.replace(prompt="Another lamp").run(workspace=bucket)
    assert object_server.kinds() == ["PUT log", "PUT blobs", "PUT blobs", "PUT log"]
    object_server.forget()
    assert [asset.bytes()[:4] for asset in run.output.assets] == [b"\x89PNG"] * 2
    assert all(asset.stored and bucket.store.holds(asset.stored) for asset in run.output.assets)
    assert object_server.kinds() == [], "what has just arrived is at hand"
    assert sum(1 for _ in bucket.runs()) == 2  # list() would ask for its length too
    assert len(list(bucket.records())) == 4
    assert object_server.kinds() == ["GET log", "GET log"], "whether there is more"


# Signed addresses: keys and expiry each by itself, since moto opens anything


def test_an_address_is_signed_for_its_image_alone_and_opens_it(bucket):
    (asset,) = ImageGenerationStep(prompt="A lamp").run(workspace=bucket).output.assets
    signed = asset.signed(600)
    address = urlsplit(signed.file_url)
    assert asset.stored is not None
    assert address.path.endswith(asset.file_url.removeprefix("s3:/"))
    query = parse_qs(address.query)
    assert query["X-Amz-Credential"][0].startswith(f"{KEY_ID}/")
    assert query["X-Amz-SignedHeaders"] == ["host"]
    assert re.fullmatch("[0-9a-f]{64}", query["X-Amz-Signature"][0])
    assert SECRET not in signed.file_url
    with urlopen(signed.file_url, timeout=30) as answer:
        assert (answer.read(), answer.headers["Content-Type"]) == (asset.bytes(), "image/png")
    assert (signed.id, signed.bytes(), signed.stored) == (asset.id, asset.bytes(), asset.stored)


@pytest.mark.parametrize(
    ("asked", "given"), [(1, 1), (600, 600), (7 * 86_400, 7 * 86_400), (10**9, 7 * 86_400)]
)
def test_an_address_says_when_it_expires_and_the_record_beside_it_too(bucket, asked, given):
    (asset,) = ImageGenerationStep(prompt="A lamp").run(workspace=bucket).output.assets
    before = datetime.now(UTC).replace(microsecond=0)
    signed = asset.signed(asked)
    query = parse_qs(urlsplit(signed.file_url).query)
    assert query["X-Amz-Expires"] == [str(given)]
    begins = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    said = datetime.fromisoformat(signed.model_dump()["file_url_expires_at"])
    assert before + timedelta(seconds=given) <= said <= begins + timedelta(seconds=given)


@pytest.mark.parametrize("seconds", [0, -1, 1.5, True, "600"])
def test_an_expiry_that_is_none_is_refused(bucket, seconds):
    (asset,) = ImageGenerationStep(prompt="A lamp").run(workspace=bucket).output.assets
    with pytest.raises(InvalidOption, match="give a whole number of seconds"):
        asset.signed(seconds)


def test_where_nothing_is_signed_it_is_said(workspace, tmp_path):
    output = ImageGenerationStep(prompt="A lamp").run(workspace=workspace).output
    with pytest.raises(StoreError, match="cannot sign URLs"):
        output.signed()
    imported = Asset(id="a", file_url="s3://b/c", file_name="c.png", file_size=1, file_type="image/png")
    with pytest.raises(StoreError, match="was imported"):
        imported.signed()


def test_no_signature_and_no_key_stands_in_anything_that_is_written(bucket, tmp_path):
    """Not in the store, an export or a representation, even where a later prompt holds an address."""
    run = ImageGenerationStep(prompt="A lamp").run(workspace=bucket)
    signed = run.output.signed()
    assert signed.assets[0].file_url.startswith("http")
    later = ImageGenerationStep(prompt="Like {{step_1.output.assets.0.file_url}}")
    next_run = later.run({"step_1": {"output": signed}}, workspace=bucket)
    with pytest.raises(SecretFound, match=r"inputs\.step_1\..*file_url: holds the signature of an address"):
        save_step(tmp_path / "refused.json", later, run=next_run)
    save_step(tmp_path / "step.json", run.step, run=run)
    texts = {name: data.decode("latin-1") for name, data in everything_in(bucket.store).items()}
    texts["export"] = (tmp_path / "step.json").read_text()
    texts["shown"] = repr(
        (bucket, bucket.store, run, run.output, signed, next_run, bucket.store.__reduce__())
    )
    texts["page"] = f"{signed._repr_html_()}{run._repr_html_()}"
    assert {name for name, text in texts.items() if SECRET in text} == set()
    with_signature = {name for name, text in texts.items() if re.search("X-Amz-Signature=[0-9a-f]", text)}
    assert with_signature == set()
    assert "[redacted]" in next(
        text for name, text in texts.items() if name.startswith("log/") and "Like" in text
    )


def test_an_export_says_that_addresses_need_the_buckets_credentials(bucket, tmp_path):
    step = ImageGenerationStep(prompt="A lamp")
    save_step(tmp_path / "step.json", step, run=step.run(workspace=bucket))
    text = (tmp_path / "step.json").read_text()
    assert "file_url addresses are objects in a bucket; they open with its credentials only" in text
    assert '"file_url": "s3://' in text


# Kills

WORK = """
from dataclasses import replace
for number in range(100_000):
    run = entry(f"{sys.argv[2]}-{number}", ceiling_ticks=1)
    store.begin(run, None)
    image = new(store, run.run_id.encode(), run_id=run.run_id)
    store.finish(replace(run, state="done", charge="charged", cost_ticks=1), [image])
    print(run.run_id, flush=True)
"""


@pytest.mark.rigs
def test_a_kill_at_any_moment_leaves_a_store_that_others_carry_on(store):
    acknowledged: list[str] = []
    for life in range(4):
        process = other_process(WORK, store.url, life)
        assert process.stdout is not None
        acknowledged.append(process.stdout.readline().strip())
        time.sleep(random.uniform(0, 0.5))
        process.kill()
        acknowledged += process.communicate(timeout=30)[0].split()
        store._objects.remove(store._objects.names("leases"))  # as if it had expired
        put(store, b"another process carries on")
    other = ObjectStore(store.url)
    ended = {run.run_id: run for run in other.runs()}
    assert {run_id for run_id in acknowledged if ended[run_id].state != "done"} == set()
    assert {state for state, _ in states(other)} <= {"done", "interrupted"}
    for record in other.records():
        assert hashlib.sha256(content(other, record.id)).hexdigest() == record.sha256
    with_image = {record.run_id for record in other.records()}
    assert {
        run_id for run_id, run in ended.items() if (run.state == "done") != (run_id in with_image)
    } == set()
    assert other.spending(emulated=True).reserved == 0


SWEEP = """
import imagegen_nb as ig
step = ig.ImageGenerationStep(prompt="number {{n}}", image_size="1024x640", image_output_format="jpeg")
sweep = ig.Sweep(step, over={"n": [str(number) for number in range(40)]})
with ig.Workspace(store, backend=sys.argv[2], budget="5 USD") as workspace:
    sweep.run(workspace=workspace, concurrency=2, progress=False, on_cell=lambda _: print("cell", flush=True))
print(sweep.counts(), flush=True)
"""


@pytest.mark.rigs
def test_a_sweep_that_is_killed_goes_on_and_pays_for_nothing_twice(store, emulator):
    """Wherever it goes on; here in other processes, when the leases of those before have expired."""
    emulator.latency = 0.1
    for _ in range(3):
        process = other_process(SWEEP, store.url, emulator.url)
        assert process.stdout is not None
        for _ in range(2):
            assert process.stdout.readline() == "cell\n"
        time.sleep(random.uniform(0, 0.2))
        process.kill()
        process.communicate(timeout=30)
        store._objects.remove(store._objects.names("leases"))
    ended = other_process(SWEEP, store.url, emulator.url).communicate(timeout=60)[0].splitlines()[-1]
    counts = ast.literal_eval(ended)
    assert counts["done"] + counts.get("unknown", 0) == 40
    assert counts.get("unknown", 0) <= 3 * 2, "what was under way, and may have been paid for"
    prompts = [request.body["prompt"] for request in emulator.requests]
    assert len(set(prompts)) == len(prompts)
    assert len(list(store.records())) == counts["done"]
    assert store.spending(emulated=True).reserved == 0


# Who may only look


def test_who_may_only_read_sees_the_ledger(store, object_server):
    store.begin(entry("a-run"), None)
    put(store, b"data")
    with object_server.failing(lambda method, _: 403 if method == "PUT" else None):
        reader = ObjectStore(store.url)
        assert [run.run_id for run in reader.runs()] == ["a-run"]
        assert reader.used == 4
        with pytest.raises(StoreError, match="403"):
            reader.begin(entry(), None)


def test_files_and_memory_are_stores_by_url_too(tmp_path):
    address = (tmp_path / "a b").as_uri()
    stored = put(ObjectStore(address), b"data")
    assert content(ObjectStore(address), stored.id) == b"data"
    assert put(ObjectStore("memory:///a b"), b"data").file_url.startswith("memory:///a%20b/blobs/")
    with urlopen(stored.file_url) as file:
        assert file.read() == b"data"
    with Workspace("memory:///here") as one, Workspace("memory:///here/") as two:
        assert put(one.store, b"data").id == next(iter(two.records())).id


def test_an_end_that_cannot_be_recorded_names_where_the_images_are(monkeypatch: pytest.MonkeyPatch) -> None:
    store = ObjectStore(f"memory:///{uuid.uuid4().hex}")
    run = entry()
    store.begin(run, None)
    image = new(store, b"data", run_id=run.run_id)

    def refuse(*_: object) -> None:
        raise StoreError("cannot write log/2: no service")

    monkeypatch.setattr(store, "_commit", refuse)
    with pytest.raises(StoreError) as caught:
        store.finish(replace(run, state="done", charge="charged"), [image])
    assert str(caught.value) == (
        f"cannot write log/2: no service. Its image is kept, in {image.file_url}, but the ledger could not "
        "take it: copy it elsewhere, before imagegen-nb store gc deletes it"
    )
    store.close()
