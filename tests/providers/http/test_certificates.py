"""Which certificates are trusted: by which variable, and what an unusable one is told as."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess

import pytest
from support.network import Authority

from imagegen_nb.errors import ProviderFault
from imagegen_nb.providers.http.certificates import VARIABLES, tls_context, told, trusted


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(autouse=True)
def nothing_named(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def names(context: ssl.SSLContext) -> list[str]:
    subjects = [dict(part[0] for part in each["subject"]) for each in context.get_ca_certs()]
    return [subject["commonName"] for subject in subjects if "commonName" in subject]


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_file_of_ones_own(monkeypatch, authority, variable):
    monkeypatch.setenv(variable, str(authority.file))
    context = tls_context("openai")
    assert names(context) == ["Test Authority"]
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert tls_context("xai") is context
    assert variable in told()


def test_the_first_variable_decides(monkeypatch, authority, tmp_path):
    for variable in reversed(VARIABLES):
        monkeypatch.setenv(variable, str(authority.file))
        assert trusted() == (variable, str(authority.file))
    monkeypatch.setenv("SSL_CERT_FILE", "")
    assert trusted() == ("SSL_CERT_DIR", str(authority.file))


def test_without_any_the_system_decides():
    context = tls_context("openai")
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert tls_context("openai") is context
    assert told() == "those of this machine"


@pytest.mark.parametrize("variable", ["SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"])
@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl names the files of a folder")
def test_a_folder_of_ones_own(monkeypatch, authority, tmp_path, variable):
    file = tmp_path / "own.pem"
    shutil.copy(authority.file, file)
    subprocess.run(["openssl", "rehash", tmp_path], check=True)
    monkeypatch.setenv(variable, f"{tmp_path / 'nothing'}{os.pathsep}{tmp_path}")
    assert tls_context("openai").verify_mode == ssl.CERT_REQUIRED


def test_a_mended_file_is_read_again(monkeypatch, authority, tmp_path):
    """A notebook's user mends it in a cell, and no kernel is started anew."""
    file = tmp_path / "own.pem"
    file.write_text("rubbish")
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with pytest.raises(ProviderFault):
        tls_context("openai")
    file.write_bytes(authority.file.read_bytes())
    assert names(tls_context("openai")) == ["Test Authority"]
    file.write_bytes(Authority(tmp_path, "Next Authority").file.read_bytes())
    assert names(tls_context("openai")) == ["Next Authority"]


def test_an_intermediate_alone_is_enough_to_trust(monkeypatch, authority):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    assert tls_context("openai").verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN


def unusable(tmp_path):
    """Values by what they are told as."""
    (tmp_path / "empty.pem").touch()
    (tmp_path / "rubbish.pem").write_bytes(b"\x00\xff rubbish")
    (tmp_path / "cut.pem").write_text("-----BEGIN CERTIFICATE-----\nMIIB")
    (tmp_path / "closed.pem").touch(mode=0o000)
    (tmp_path / "folder").mkdir()
    return [
        ("SSL_CERT_FILE", tmp_path / "missing.pem", "does not exist"),
        *((name, os.devnull, "holds no certificate") for name in VARIABLES),
        ("SSL_CERT_FILE", "~/missing.pem", "~ is not expanded"),
        ("SSL_CERT_FILE", tmp_path / "empty.pem", "no certificate in PEM form"),
        ("SSL_CERT_FILE", tmp_path / "rubbish.pem", "no certificate in PEM form"),
        ("SSL_CERT_FILE", tmp_path / "cut.pem", "no certificate in PEM form"),
        ("SSL_CERT_FILE", tmp_path / "folder", "SSL_CERT_DIR is for folders"),
        ("SSL_CERT_FILE", tmp_path / "empty.pem" / "below", "does not exist"),
        ("SSL_CERT_DIR", tmp_path / "missing", "does not exist"),
        ("SSL_CERT_DIR", tmp_path / "folder", "openssl rehash"),
        ("SSL_CERT_DIR", tmp_path / "empty.pem", "SSL_CERT_FILE is for files"),
        ("REQUESTS_CA_BUNDLE", tmp_path / "missing.pem", "does not exist"),
        ("REQUESTS_CA_BUNDLE", tmp_path / "empty.pem", "no certificate in PEM form"),
        ("CURL_CA_BUNDLE", tmp_path / "folder", "openssl rehash"),
        *([("SSL_CERT_FILE", tmp_path / "closed.pem", "permission denied")] if os.geteuid() else []),
    ]


def test_what_is_unusable_names_the_variable_its_value_and_the_cause(monkeypatch, tmp_path):
    for variable, value, says in unusable(tmp_path):
        with monkeypatch.context() as patch:
            patch.setenv(variable, str(value))
            with pytest.raises(ProviderFault) as caught:
                tls_context("gemini")
        error = caught.value
        assert (error.provider, error.charge) == ("gemini", "none")
        assert f"{variable} = {str(value)!r}" in str(error)
        assert says.lower() in str(error).lower(), (variable, value)
        assert f"unset {variable}" in str(error)
        assert error.__context__ is error.__cause__ is None
