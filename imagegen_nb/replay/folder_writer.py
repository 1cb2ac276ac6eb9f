"""Writes a cassette's folder again and again while it is recorded: each save costs what is new.

A recording becomes text, and its images files, once. The text of all is written anew each time, at once, so
that a killed process leaves a whole cassette.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imagegen_nb.core.atomic_files import write_durably
from imagegen_nb.core.own_files import CASSETTE_FILE
from imagegen_nb.replay import blobs, cassette_yaml
from imagegen_nb.replay.cassette_file import About, metadata_of, unreferenced
from imagegen_nb.replay.cassette_yaml import Item
from imagegen_nb.replay.recording import Recording
from imagegen_nb.replay.stowed import Stowed, stow

ATTRIBUTES_FILE = ".gitattributes"
_ATTRIBUTES = f"{CASSETTE_FILE} text eol=lf\n{blobs.FOLDER}/* binary\n"


@dataclass(frozen=True, slots=True)
class _Added:
    """A recording whose text is made, and whose images are written."""

    recording: Recording
    sort_key: tuple[str, ...]
    item: Item
    images: frozenset[str]


class FolderWriter:
    """Writes into `folder` what it is given; the recordings of one save are mostly those of the last."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._added: dict[int, _Added] = {}
        """By the recording's identity, which lasts because it is held here."""
        self._written: dict[str, blobs.Signature] = {}

    def add(self, stowed: Stowed) -> None:
        """Write the images of a recording, and make its text for the next `write`. Raises OSError."""
        recording, images = stowed.recording, stowed.images
        item = cassette_yaml.make_item(stowed.entry())
        self._make_folder()
        self._written |= blobs.write(self._folder, images)
        self._added[id(recording)] = _Added(recording, recording.sort_key, item, frozenset(images))

    def write(self, about: About, recordings: Sequence[Recording]) -> None:
        """Write a cassette of these recordings: first the images, then the text that names them, at once.

        Raises OSError, with the cassette that was there before still whole.
        """
        for recording in recordings:
            if id(recording) not in self._added:
                self.add(stow(recording))
        added = [self._added[id(recording)] for recording in recordings]
        added.sort(key=lambda each: each.sort_key)
        self._added = {id(each.recording): each for each in added}
        text = cassette_yaml.whole_text(metadata_of(about), [each.item for each in added])
        self._make_folder()
        names = frozenset[str]().union(*(each.images for each in added))
        self._write_lost_images(names, added)
        attributes = self._folder / ATTRIBUTES_FILE
        if attributes.is_symlink() or not attributes.is_file() or attributes.read_text() != _ATTRIBUTES:
            write_durably(attributes, _ATTRIBUTES.encode())
        write_durably(self._folder / CASSETTE_FILE, text.encode())
        for path in unreferenced(self._folder, names):
            path.unlink()

    def _make_folder(self) -> None:
        if self._folder.is_symlink():
            raise OSError(errno.ELOOP, "a cassette is written into a folder of its own")
        self._folder.mkdir(parents=True, exist_ok=True)

    def _write_lost_images(self, names: frozenset[str], added: Sequence[_Added]) -> None:
        """Write images again that somebody has changed or deleted since."""
        self._written = {name: signature for name, signature in self._written.items() if name in names}
        lost = {name for name in names if blobs.signature(self._folder, name) != self._written.get(name)}
        for each in added if lost else ():
            if not lost.isdisjoint(each.images):
                self._written |= blobs.write(self._folder, stow(each.recording).images)
