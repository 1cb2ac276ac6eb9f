"""Content credentials (C2PA) verified by their own library, which is an extra, without asking any server."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from imagegen_nb.core.content_credentials import are_in
from imagegen_nb.core.install_hint import install_command
from imagegen_nb.core.redaction import visible
from imagegen_nb.core.words import shortened
from imagegen_nb.errors import InvalidOption

CredentialsState = Literal["absent", "trusted", "valid", "invalid", "elsewhere", "unreadable"]
"""`trusted`: intact, and signed by who is on the trust list that was given. `valid`: intact, and nobody here
vouches for the signer. `invalid`: the file is not as it was signed, or the signature is not good.
`elsewhere`: the file only names where its credentials are, and nobody was asked for them."""

_UNTRUSTED = "signingCredential.untrusted"
_LONGEST = 300
_MOST_PROBLEMS = 20
_NO_SERVERS = {"remote_manifest_fetch": False, "ocsp_fetch": False}


@dataclass(frozen=True, slots=True)
class CredentialsReport:
    """What a file's content credentials are worth. `signer` and `generator` are names they give themselves,
    `source_types` how they say the picture came about, such as `trainedAlgorithmicMedia`; `problems` are the
    codes and words of the library. None of these counts where the state is `invalid`."""

    state: CredentialsState
    signer: str = ""
    generator: str = ""
    source_types: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """The same in a line."""
        told = {
            "absent": "none",
            "trusted": "intact, signed by a trusted signer",
            "valid": "intact; its signer is on none of the trust lists used here",
            "invalid": "NOT VALID: the file is not as it was signed",
            "elsewhere": "named in the file, stored elsewhere, not fetched",
            "unreadable": "cannot be read",
        }[self.state]
        parts = [
            told,
            self.signer and f"signer: {self.signer}",
            self.generator and f"made by: {self.generator}",
        ]
        shown = [part for part in (*parts, ", ".join(self.source_types)) if part]
        reasons = f" ({'; '.join(self.problems)})" if self.problems and self.state != "valid" else ""
        return visible("; ".join(shown) + reasons)

    def __repr__(self) -> str:
        return f"<content credentials: {self.summary}>"


def verify(data: bytes, media_type: str, trust_anchors: str | None = None) -> CredentialsReport:
    """Verify the credentials in an image file of a type such as `image/png`. `trust_anchors` are the
    certificates, as PEM, of those who are trusted. No server is asked for anything.

    Raises `InvalidOption` where the library is not installed, or the anchors are not usable.
    """
    if not are_in(io.BytesIO(data)):
        return CredentialsReport("absent")
    try:
        import c2pa
    except ImportError:
        raise InvalidOption(f"verifying content credentials: {install_command('c2pa')}") from None
    settings: dict[str, Any] = {"verify": dict(_NO_SERVERS)}
    if trust_anchors is not None:
        settings["verify"]["verify_trust"] = True
        settings["trust"] = {"trust_anchors": trust_anchors}
    problem = ""
    try:
        context = c2pa.Context.from_dict(settings)
    except c2pa.C2paError as error:
        problem = shortened(str(error), _LONGEST)
    if problem:
        raise InvalidOption(f"trust_anchors: give certificates as PEM; {problem}")
    try:
        with c2pa.Reader(media_type, io.BytesIO(data), context=context) as reader:
            return _report(json.loads(reader.json()))
    except c2pa.C2paError as error:
        text = shortened(visible(str(error)), _LONGEST)
        return CredentialsReport("elsewhere" if text.startswith("Remote") else "unreadable", problems=(text,))


def _report(told: Mapping[str, Any]) -> CredentialsReport:
    manifest = _mapping(_mapping(told.get("manifests")).get(str(told.get("active_manifest"))))
    state = str(told.get("validation_state", "")).lower()
    generators = manifest.get("claim_generator_info")
    first = _mapping(generators[0]) if isinstance(generators, list) and generators else {}
    signature = _mapping(manifest.get("signature_info"))
    named = [signature.get("common_name"), signature.get("issuer")]
    return CredentialsReport(
        "trusted" if state == "trusted" else "valid" if state == "valid" else "invalid",
        _text(", ".join(str(name) for name in named if name)),
        _text(" ".join(str(first[name]) for name in ("name", "version") if first.get(name))),
        tuple(dict.fromkeys(_source_types(manifest))),
        tuple(_problems(told.get("validation_status"))),
    )


def _source_types(manifest: Mapping[str, Any]) -> Iterator[str]:
    """The last parts of the addresses by which IPTC names how a picture came about."""
    for assertion in map(_mapping, _list(manifest.get("assertions"))):
        for action in map(_mapping, _list(_mapping(assertion.get("data")).get("actions"))):
            if isinstance(source := action.get("digitalSourceType"), str):
                yield _text(source.rpartition("/")[2])


def _problems(statuses: object) -> Iterator[str]:
    for status in map(_mapping, _list(statuses)[:_MOST_PROBLEMS]):
        if (code := status.get("code")) != _UNTRUSTED:
            yield _text(f"{code}: {status.get('explanation', '')}")


def _text(text: str) -> str:
    return shortened(visible(text), _LONGEST)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
