"""Content credentials verified by C2PA's own library: intact, trusted, tampered with, elsewhere, broken."""

from __future__ import annotations

import datetime
import io
import json
import random
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from support.images import picture

from imagegen_nb.core.credentials_check import CredentialsReport, verify
from imagegen_nb.errors import InvalidOption

FILES = Path(__file__).parents[1] / "support" / "signed_images"
TYPES = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp"}
PICTURE = {"png": b"IDAT", "jpg": b"\xff\xda", "webp": b"VP8"}
"""What begins the pixels of each."""


SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia"
ACTION = {"action": "c2pa.created", "digitalSourceType": SOURCE}
CREATED = {"label": "c2pa.actions.v2", "data": {"actions": [ACTION]}}


@pytest.fixture
def c2pa():
    return pytest.importorskip("c2pa")


@pytest.mark.parametrize("kind", TYPES)
def test_a_file_as_it_was_signed_is_valid(c2pa, kind):
    report = verify((FILES / f"signed.{kind}").read_bytes(), TYPES[kind])
    assert report == CredentialsReport("valid", "Signer, T", "test 1", ("trainedAlgorithmicMedia",))
    assert report.summary == (
        "intact; its signer is on none of the trust lists used here; signer: Signer, T; made by: test 1; "
        "trainedAlgorithmicMedia"
    )


@pytest.mark.parametrize("kind", TYPES)
def test_a_changed_byte_is_seen(c2pa, kind):
    data = bytearray((FILES / f"signed.{kind}").read_bytes())
    data[data.rindex(PICTURE[kind]) + 30] ^= 1
    report = verify(bytes(data), TYPES[kind])
    assert report.state == "invalid"
    assert any(problem.startswith("assertion.dataHash.mismatch") for problem in report.problems)
    assert report.summary.startswith("NOT VALID: the file is not as it was signed")


@pytest.mark.parametrize("kind", TYPES)
def test_what_is_stored_elsewhere_is_not_asked_for(c2pa, kind):
    """Its address leads nowhere here: had it been asked for, the reason would be another."""
    report = verify((FILES / f"remote.{kind}").read_bytes(), TYPES[kind])
    assert report.state == "elsewhere"
    assert "must fetch remote manifests" in report.problems[0]


def test_a_file_without_them_says_so_also_without_the_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "c2pa", None)
    assert verify(picture(), "image/png") == CredentialsReport("absent")
    with pytest.raises(InvalidOption, match=r"\[c2pa\]"):
        verify((FILES / "signed.png").read_bytes(), "image/png")


def test_who_is_on_the_list_is_trusted(c2pa):
    anchors, data = signed_by_an_authority(c2pa)
    assert verify(data, "image/png").state == "valid"
    report = verify(data, "image/png", anchors)
    assert (report.state, report.signer) == ("trusted", "Ann, Lamp Works")
    assert verify((FILES / "signed.png").read_bytes(), "image/png", anchors).state == "valid"


def test_anchors_that_are_none_are_refused(c2pa):
    with pytest.raises(InvalidOption, match="trust_anchors: give certificates as PEM"):
        verify((FILES / "signed.png").read_bytes(), "image/png", "no certificate")


def test_a_broken_file_has_a_report_too(c2pa):
    dice, whole = random.Random(3), (FILES / "signed.png").read_bytes()
    states = set()
    for _ in range(60):
        data = bytearray(whole[: dice.choice([len(whole), dice.randrange(200, len(whole))])])
        for _ in range(dice.randrange(1, 9)):
            data[dice.randrange(8, len(data))] = dice.randrange(256)
        states.add(verify(bytes(data), "image/png").state)
    # A byte may fall where the signature leaves room, and into the same byte as before.
    assert {"invalid", "unreadable"} <= states <= {"absent", "valid", "invalid", "unreadable", "elsewhere"}


def signed_by_an_authority(c2pa):
    """The authority's certificate, and a picture signed with one that it gave."""
    now = datetime.datetime.now(datetime.UTC)
    root_key, leaf_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())

    def certificate(name, key, issuer, signer, *, is_authority):
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=30))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False
            )
            .add_extension(usage(is_authority), critical=True)
        )
        if not is_authority:
            purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
            made = made.add_extension(purposes, critical=False)
        return made.sign(signer, hashes.SHA256())

    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority")])
    leaf_name = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, "Ann"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Lamp Works"),
        ]
    )
    root = certificate(root_name, root_key, root_name, root_key, is_authority=True)
    leaf = certificate(leaf_name, leaf_key, root_name, root_key, is_authority=False)
    chain = leaf.public_bytes(Encoding.PEM) + root.public_bytes(Encoding.PEM)
    private = leaf_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    manifest = {"claim_generator_info": [{"name": "lamp", "version": "2"}], "assertions": [CREATED]}
    target = io.BytesIO()
    signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", chain, private, None))
    with c2pa.Builder(json.dumps(manifest)) as builder:
        builder.sign(signer, "image/png", io.BytesIO(picture()), target)
    return root.public_bytes(Encoding.PEM).decode(), target.getvalue()


def usage(is_authority):
    names = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only")
    others = dict.fromkeys((*names, "decipher_only"), False)
    return x509.KeyUsage(
        digital_signature=not is_authority, key_cert_sign=is_authority, crl_sign=is_authority, **others
    )
