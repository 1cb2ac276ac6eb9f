"""The manifest of a run: what stands in it, and what may stand in its place."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from support.ledger import content, entry, new, states

from imagegen_nb.errors import StoreError
from imagegen_nb.store import manifests


def test_a_planted_link_in_the_place_of_a_manifest_is_replaced(store, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    store.begin(entry(), None)
    (store.paths.manifests / "a-run.json").symlink_to(victim)
    store.begin(entry("a-run"), None)
    assert victim.read_text() == "mine"
    assert not (store.paths.manifests / "a-run.json").is_symlink()


MANIFEST = """{
 "layout": 1,
 "run": {
  "run_id": "a-run",
  "provider": "openai",
  "model": "gpt-image-2",
  "count": 2,
  "estimate": 1000,
  "emulated": true,
  "state": "done",
  "charge": "charged",
  "started_at": "2026-11-21T09:00:00+00:00",
  "ended_at": "2026-11-21T09:00:09+00:00"
 },
 "run_order": 1,
 "assets": [
  {
   "id": "0d1d4e1e-4d8e-4f3e-9a52-3a4a1c1f6a55",
   "file_url": "blobs/3a/3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7.png",
   "file_name": "hero-1.png",
   "file_size": 4,
   "file_type": "image/png",
   "sha256": "3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7",
   "width": 64,
   "height": 48,
   "run_id": "a-run",
   "emulated": true,
   "created_at": "2026-11-21T09:00:09+00:00"
  }
 ],
 "asset_order": 1
}"""
"""As every version with a ledger has written it."""


def test_a_manifest_is_written_as_earlier_versions_read_it(store):
    (store.paths.manifests).mkdir(parents=True)
    store.paths.manifest("a-run").write_text(MANIFEST)
    manifest = manifests.read(store.paths, "a-run")
    manifests.write(store.paths, "again", manifest)
    assert store.paths.manifest("again").read_text() == MANIFEST


def test_a_manifest_of_an_earlier_version_gives_its_run_and_images(store):
    digest = new(store, b"data").sha256
    (store.paths.manifests).mkdir()
    store.paths.manifest("a-run").write_text(MANIFEST)
    (asset,) = store.records("a-run")
    assert (asset.sha256, content(store, asset.id), store.used) == (digest, b"data", 4)
    assert states(store) == [("done", "charged")]


def test_a_cached_manifest_is_read_again_once_its_file_has_changed(store):
    store.paths.manifests.mkdir(parents=True)
    store.paths.manifest("a-run").write_text(MANIFEST)
    cache = manifests.Cache()
    first = manifests.read(store.paths, "a-run", cache)
    assert manifests.read(store.paths, "a-run", cache) is first
    manifests.write(store.paths, "a-run", replace(first, run_order=2))
    assert manifests.read(store.paths, "a-run", cache).run_order == 2
    store.paths.manifest("a-run").unlink()
    assert manifests.read(store.paths, "a-run", cache) is None


def test_a_pipe_in_the_place_of_a_manifest_is_not_waited_for(store):
    store.paths.manifests.mkdir(parents=True)
    os.mkfifo(store.paths.manifest("a-run"))
    with pytest.raises(StoreError, match="not one that was written here"):
        manifests.read(store.paths, "a-run")
