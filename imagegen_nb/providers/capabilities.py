"""What a model can be set to, as data: the kinds of setting, cross-field rules and a model's life.

A provider's file declares its models with these. Validation, the JSON Schema, the documentation
table and the form all read the same declarations, so none of them has a list of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, fields, replace
from math import log
from typing import Any, ClassVar, Literal, Protocol

from imagegen_nb.core import redaction
from imagegen_nb.core.keywords import helpful_calls
from imagegen_nb.core.types import SettingValue
from imagegen_nb.errors import InvalidOption
from imagegen_nb.providers import near_misses

_UNCLEAN = re.compile(r"[\0\ud800-\udfff]")


class Kind(Protocol):
    """The values one setting may have, and the one that holds when it is unset."""

    @property
    def value_type(self) -> type[SettingValue]:
        """The type of its values; later steps are told of it before a run."""
        ...

    @property
    def default(self) -> SettingValue | None:
        """What the provider (or the platform) uses when the setting is unset; None if unknown."""
        ...

    def check(self, value: object) -> tuple[str, str] | None:
        """None when `value` is allowed, else what is wrong with it and the remedy."""
        ...

    def schema(self) -> dict[str, Any]:
        """The same rule as JSON Schema, as far as JSON Schema can say it."""
        ...

    def describe(self) -> str:
        """The allowed values in a few words, for tables."""
        ...


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words; `default` is the one used when unset, `because` says why others are refused.

    `labels` says what people read for a value where that is more than its word with a capital letter.
    """

    value_type: ClassVar[type[str]] = str
    values: tuple[str, ...]
    default: str | None = None
    because: str = "not one of its values"
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)

    def label(self, value: str) -> str:
        """What people read for `value`, one of the values or not."""
        return self.labels.get(value) or value[:1].upper() + value[1:]

    def check(self, value: object) -> tuple[str, str] | None:
        if isinstance(value, str) and value in self.values:
            return None
        meant = near_misses.word(value, self.values)
        return self.because, (f"Did you mean {meant}? " if meant else "") + f"Use {one_of(self.values)}"

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.values)} | _default(self.default)

    def describe(self) -> str:
        return ", ".join(self.values)


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number from `minimum` to `maximum`."""

    value_type: ClassVar[type[int]] = int
    minimum: int
    maximum: int
    default: int | None = None

    def check(self, value: object) -> tuple[str, str] | None:
        if isinstance(value, int) and not isinstance(value, bool) and self.minimum <= value <= self.maximum:
            return None
        whole = isinstance(value, int) and not isinstance(value, bool)
        wrong = "not in its range" if whole else "not a whole number"
        meant = None if whole else near_misses.whole_number(value)
        is_near = meant is not None and self.minimum <= meant <= self.maximum
        as_number = " without quotes" if isinstance(value, str) else ""
        write = f"; write {meant}{as_number}" if is_near else ""
        return wrong, f"Use a whole number from {self.minimum} to {self.maximum}{write}"

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum} | _default(self.default)

    def describe(self) -> str:
        return f"{self.minimum}–{self.maximum}"


@dataclass(frozen=True, slots=True)
class Text:
    """Text of `shortest` to `longest` characters without a key; only blank text counts as empty."""

    value_type: ClassVar[type[str]] = str
    shortest: int
    longest: int
    default: str | None = None

    def check(self, value: object) -> tuple[str, str] | None:
        if not isinstance(value, str):
            return f"a {type(value).__name__}, not text", "Write it as text in quotes"
        if _UNCLEAN.search(value):
            return "not clean text: it holds a NUL or a broken character", "Remove it"
        if self.shortest and not value.strip():
            return "empty", "Write what the image should show" if self.longest > 1000 else "Write something"
        if len(value) > self.longest:
            return (
                f"{len(value):,} characters long",
                f"Shorten it to at most {self.longest:,} characters",
            )
        if kind := redaction.typed_key(value):
            return (
                f"not free of keys: it holds {kind}",
                "Take it out: what is written here is sent and kept",
            )
        return None

    def schema(self) -> dict[str, Any]:
        pattern = {"pattern": r"\S"} if self.shortest else {}
        return {"type": "string", "maxLength": self.longest} | pattern | _default(self.default)

    def describe(self) -> str:
        return f"up to {self.longest:,} characters"


@dataclass(frozen=True, slots=True)
class PixelSize:
    """`auto`, one of the `tiles`, or any `WIDTHxHEIGHT` within the bounds (pixels)."""

    value_type: ClassVar[type[str]] = str
    tiles: tuple[str, ...]
    multiple: int
    longest_edge: int
    widest_ratio: int
    fewest_pixels: int
    most_pixels: int
    default: str = "auto"

    def label(self, value: str) -> str:
        """What people read for `value`: `Auto`, or the edges with a times sign."""
        return value.replace("x", " × ") if _edges(value) else value[:1].upper() + value[1:]

    def check(self, value: object) -> tuple[str, str] | None:
        if value == "auto" or value in self.tiles:
            return None
        edges = _edges(value)
        if edges is None:
            sizes = f"auto, {one_of(self.tiles)}, or WIDTHxHEIGHT in pixels: {self.limits}"
            meant = self.meant(value)
            return "not a size", f"Write {meant}, or another size: {sizes}" if meant else f"Use {sizes}"
        broken = self._broken_bounds(*edges)
        if not broken:
            return None
        if (found := near_misses.numbers(value)) and found[2] and self.meant(value):
            return "a ratio, not a size in pixels", f"Write {self.meant(value)}"
        width, height = self.nearest(*edges)
        return "; ".join(broken), f"The nearest legal size is {width}x{height}"

    def meant(self, value: object) -> str:
        """The size that a value in another form means: `1024*1024`, `(1024, 1024)`, `16:9`; else empty."""
        if isinstance(value, str) and value.strip().casefold() == "auto":
            return "auto"
        found = near_misses.numbers(value)
        if found is None:
            return ""
        width, height, is_ratio = found
        if is_ratio:
            tiles = {tile: edges for tile in self.tiles if (edges := _edges(tile))}
            for tile, (across, down) in tiles.items():
                if across * height == down * width:
                    return tile
            longest = max((max(edges) for edges in tiles.values()), default=self.longest_edge)
            scale = longest / max(width, height)
            width, height = round(width * scale), round(height * scale)
        if self._broken_bounds(width, height):
            width, height = self.nearest(width, height)
        return f"{width}x{height}"

    def legal(self, value: object) -> str | None:
        """The nearest legal size to one that breaks the bounds; None for any other value."""
        edges = _edges(value)
        if edges is None or self.check(value) is None:
            return None
        width, height = self.nearest(*edges)
        return f"{width}x{height}"

    def _broken_bounds(self, width: int, height: int) -> list[str]:
        pixels = width * height
        broken = []
        if width % self.multiple or height % self.multiple:
            broken.append(f"both edges must be multiples of {self.multiple}")
        if max(width, height) > self.longest_edge:
            broken.append(f"the longest edge must be at most {self.longest_edge}")
        if max(width, height) > self.widest_ratio * min(width, height):
            broken.append(f"the longest edge must be at most {self.widest_ratio} times the shortest")
        if pixels < self.fewest_pixels:
            broken.append(f"{pixels:,} pixels are fewer than {self.fewest_pixels:,}")
        if pixels > self.most_pixels:
            broken.append(f"{pixels:,} pixels are more than {self.most_pixels:,}")
        return broken

    def nearest(self, width: int, height: int) -> tuple[int, int]:
        """The legal size that is closest to `width` x `height` in shape and edges."""
        step = self.multiple
        wanted = max(width, 1), max(height, 1)
        shape = min(max(wanted[0] / wanted[1], 1 / self.widest_ratio), self.widest_ratio)

        def distance(size: tuple[int, int]) -> tuple[float, float, int]:
            # On a log scale halving and doubling are equally far. A shape that is off by up to 2 %
            # looks the same, so that 1920x1080 becomes 1920x1088; beyond that the shape counts most.
            edges = sum(abs(log(got / asked)) for got, asked in zip(size, wanted, strict=True))
            off = abs(log(size[0] / size[1] / shape))
            return round(edges + 4 * max(off - 0.02, 0), 3), round(off, 4), -size[0] * size[1]

        widths = range(step, self.longest_edge + 1, step)
        candidates = (
            (w, h)
            for w in widths
            for h in (int(w / shape / step) * step, (int(w / shape / step) + 1) * step)
            if h > 0 and not self._broken_bounds(w, h)
        )
        return min(candidates, key=distance)

    def schema(self) -> dict[str, Any]:
        return {
            "type": "string",
            "pattern": r"^(auto|[1-9][0-9]{0,3}x[1-9][0-9]{0,3})$(?!\n)",
            "description": self.describe(),
            "examples": ["auto", *self.tiles],
        } | _default(self.default)

    @property
    def limits(self) -> str:
        """What a size that is no tile has to keep to."""
        return (
            f"multiples of {self.multiple}, longest edge {self.longest_edge}, "
            f"ratio up to {self.widest_ratio}:1, {self.fewest_pixels:,} to {self.most_pixels:,} pixels"
        )

    def describe(self) -> str:
        return f"auto, {', '.join(self.tiles)}, or WIDTHxHEIGHT: {self.limits}"


@dataclass(frozen=True, slots=True)
class Rule:
    """A cross-field rule: while `when` is one of `equals`, `field` may not be one of `refused`.

    An empty `refused` means that the field may not be set at all (a form shows it disabled).
    The default of `when` counts when it is unset.
    """

    field: str
    refused: tuple[str, ...]
    when: str
    equals: tuple[str, ...]
    because: str
    remedy: str

    def broken_by(self, value: object, other: object) -> bool:
        """Whether `value` of the field breaks the rule while the field `when` has the value `other`."""
        return value is not None and other in self.equals and (not self.refused or value in self.refused)


Evidence = Literal["official", "secondary"]
"""Who says so: the provider itself, or only others about it."""


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """Where a model stands at its provider. Dates are ISO days; `source` says where it was read.

    `restricted` is a model that only some keys may use, `deprecated` one that is served and should not be
    chosen any more, `redirected` one that another model answers for, `retired` one that is gone. `ends` is
    the day it is no longer served from, where one was announced; `evidence` and `ends_evidence` say who told.
    """

    status: Literal["current", "restricted", "deprecated", "redirected", "retired"] = "current"
    since: str = ""
    successor: str = ""
    note: str = ""
    source: str = ""
    ends: str = ""
    evidence: Evidence = "official"
    ends_evidence: Evidence = "official"

    @property
    def outlook(self) -> str:
        """The status, since when, and until when the model is served as far as that is known."""
        since = f"{self.status} since {self.since}{told_by(self.evidence)}"
        if self.ends:
            return f"{since}, its end announced for {self.ends}{told_by(self.ends_evidence)}"
        return f"{since}, no end announced" if self.status in ("restricted", "deprecated") else since

    def notice(self, model: str) -> str:
        """What a user of the model should know about its future; empty for a current one."""
        if self.status == "current":
            return ""
        note = f": {self.note}" if self.note else ""
        return f"{model} is {self.outlook}{note}. Use {self.successor} ({self.source})"


def told_by(evidence: Evidence) -> str:
    """What stands behind a statement that is not the provider's own; empty behind one that is."""
    return " (reported by others, not by the provider)" if evidence == "secondary" else ""


@dataclass(frozen=True, slots=True)
class VisionModel:
    """A model that can be asked about a picture, and its life."""

    name: str
    lifecycle: Lifecycle = Lifecycle()


_UNSET: Mapping[str, Kind] = {}


@helpful_calls
@dataclass(frozen=True, slots=True)
class Model:
    """One model: its settings by platform key, rules between them, life and output.

    `settings` holds only what the model takes: any other model-dependent setting is refused.
    `output_settings` are the keys the platform's output has for it, beside `model`.
    `stored_as` is a MIME type when its images are transcoded before they are stored.
    `labels` renames a setting on the form, `streams` says that live previews are possible.

    With `like`, the name of a known model, it is a user's declaration of a model that this version does not
    know yet: `Model("my-model", like="gpt-image-2")`. Whatever is left out is as that model has it;
    `settings` add to its settings. It can be given to a step as its model, or to `catalog.register`.
    """

    name: str
    _: KW_ONLY
    like: str = ""
    settings: Mapping[str, Kind] = field(default_factory=lambda: _UNSET)
    rules: tuple[Rule, ...] = ()
    output_settings: tuple[str, ...] = ()
    offered: bool = False
    lifecycle: Lifecycle = Lifecycle()
    labels: Mapping[str, str] | None = None
    stored_as: str | None = None
    streams: bool = False

    def __post_init__(self) -> None:
        if self.settings is _UNSET and not self.like:
            raise InvalidOption(
                f"Model({self.name!r}): say which known model it is like, e.g. like='gpt-image-2', "
                "or declare its settings"
            )

    def resembling(self, known: Model) -> Model:
        """This declaration, completed by the model it is like."""
        left_out = {
            each.name
            for each in fields(self)
            if each.name not in ("name", "like", "settings") and getattr(self, each.name) == each.default
        }
        taken = {name: getattr(known, name) for name in left_out - {"offered", "lifecycle"}}
        return replace(self, settings={**known.settings, **self.settings}, **taken)

    def default(self, setting: str) -> SettingValue | None:
        """What holds when `setting` is unset; None when the model has no such setting."""
        kind = self.settings.get(setting)
        return None if kind is None else kind.default

    def idle(self, values: Mapping[str, Any]) -> set[str]:
        """The settings that cannot be set at all beside `values`, such as compression beside PNG."""
        return set(self.idle_because(values))

    def idle_because(self, values: Mapping[str, Any]) -> dict[str, Rule]:
        """The same settings, each with the rule that says which other setting is why."""
        return {
            rule.field: rule
            for rule in self.rules
            if not rule.refused and (values.get(rule.when) or self.default(rule.when)) in rule.equals
        }


def in_words(value: object, kind: Kind | None) -> str:
    """A setting's value as people read it, whether or not its kind allows it."""
    if isinstance(kind, Choice | PixelSize) and isinstance(value, str):
        return kind.label(value)
    return str(value)


def one_of(values: tuple[str, ...]) -> str:
    """`a`, `a or b`, `a, b or c`."""
    *most, last = values
    return f"{', '.join(most)} or {last}" if most else last


def _default(value: object) -> dict[str, Any]:
    return {} if value is None else {"default": value}


def _edges(value: object) -> tuple[int, int] | None:
    """Width and height of a `WIDTHxHEIGHT` text, or None when it is not one."""
    if not isinstance(value, str) or len(value) > 20:
        return None
    match = re.fullmatch(r"(0|[1-9][0-9]*)x(0|[1-9][0-9]*)", value)
    return (int(match[1]), int(match[2])) if match else None
