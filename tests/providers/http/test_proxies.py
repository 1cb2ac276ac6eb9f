"""Which proxy the environment names, as curl and httpx read it, and what an unusable one is told as."""

from __future__ import annotations

import ipaddress
import sys
from contextlib import suppress
from traceback import TracebackException

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen_nb.errors import ProviderFault
from imagegen_nb.providers.http.proxies import is_direct, proxy_for

API = "https://api.openai.com/v1"


@pytest.mark.parametrize(
    ("url", "environment", "expected"),
    [
        (API, {"https_proxy": "http://proxy.example:3128"}, "http://proxy.example:3128"),
        (API, {"https_proxy": "http://p:1", "no_proxy": "openai.com"}, None),
        (API, {"http_proxy": "http://p:1"}, None),
        (API, {}, None),
        ("http://127.0.0.1:1/v1", {"http_proxy": "http://p:1"}, None),
        ("http://localhost:1/v1", {"http_proxy": "http://p:1"}, None),
        ("https://[::1]:1/v1", {"https_proxy": "http://p:1"}, None),
        # upper case, lower case, for everything
        (API, {"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        (API, {"HTTPS_PROXY": "http://p:1", "https_proxy": "http://q:2"}, "http://q:2"),
        (API, {"ALL_PROXY": "http://p:1"}, "http://p:1"),
        (API, {"all_proxy": "http://p:1"}, "http://p:1"),
        (API, {"ALL_PROXY": "http://p:1", "HTTPS_PROXY": "http://q:2"}, "http://q:2"),
        (API, {"ALL_PROXY": "http://p:1", "HTTPS_PROXY": ""}, "http://p:1"),
        (API, {"ALL_PROXY": "http://p:1", "NO_PROXY": "*"}, None),
        (API, {"HTTPS_PROXY": "  "}, None),
        # what an address may leave out
        (API, {"HTTPS_PROXY": "proxy.example:3128"}, "http://proxy.example:3128"),
        (API, {"HTTPS_PROXY": "proxy.example"}, "http://proxy.example"),
        (API, {"HTTPS_PROXY": "10.0.0.1:3128/"}, "http://10.0.0.1:3128"),
        (API, {"HTTPS_PROXY": "HTTP://p:1/"}, "http://p:1"),
        (API, {"HTTPS_PROXY": "https://p:1"}, "https://p:1"),
        (API, {"HTTPS_PROXY": "http://[fd00::1]:3128"}, "http://[fd00::1]:3128"),
        (API, {"HTTPS_PROXY": "user:password@proxy.example:1"}, "http://proxy.example:1"),
    ],
)
def test_which_proxy_is_used(monkeypatch, url, environment, expected):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found = proxy_for(url, "openai")
    assert (found and f"{found.scheme}://{found.address}") == expected


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_the_variable_is_named_as_it_is_written(monkeypatch, variable):
    monkeypatch.setenv(variable, "http://p:1")
    found = proxy_for(API, "openai")
    assert str(found) == f"the proxy p:1 ({variable})"


@pytest.mark.parametrize(
    ("value", "login"),
    [
        ("http://p:1", None),
        ("http://user@p:1", ("user", "")),
        ("http://user:canary@p:1", ("user", "canary")),
        ("http://user:can%40ary%2F@p:1", ("user", "can@ary/")),
        ("http://us@er:can:ary@p:1", ("us@er", "can:ary")),
        ("user:canary@p:1", ("user", "canary")),
    ],
)
def test_a_proxys_user_and_password_are_used_and_not_shown(monkeypatch, value, login):
    monkeypatch.setenv("HTTPS_PROXY", value)
    found = proxy_for(API, "openai")
    assert found.login == login
    assert found.for_client("openai").auth == login
    assert "canary" not in f"{found!r} {found} {found.for_client('openai')!r}"


UNUSABLE = {
    '"http://user:canary@p:1"': "quotation marks",
    "'user:canary@p:1'": "quotation marks",
    "“http://user:canary@p:1”": "quotation marks",
    '"http://user:canary@p:1': "quotation marks",
    "//user:canary@p:1": "not followed by ://",
    "http:/user:canary@p:1": "not followed by ://",
    "/user:canary@p:1": "not followed by ://",
    "htp:/user:canary@p:1": "not followed by ://",
    "htp:/canary": "not followed by ://",
    "http:\\\\canary": "not followed by ://",
    "http://user:canary@p:99999": "port",
    "http://user:canary@p:0": "port",
    "http://user:canary@p:canary": "port",
    "user:canary": "port",
    "http:p:1": "port",
    "http://user:can/ary@p:1": "percent-encoded",
    "http://user:can#ary@p:1": "percent-encoded",
    "http://user:12?ary@p:1": "percent-encoded",
    "http://": "no host",
    "http://user:canary@": "no host",
    "http://:3128": "no host",
    "http://user:canary@%zz:1": "no host",
    "http://user:canary@a%20b": "no host",
    "http://user:canary@[1.2.3.4]:1": "port",
    "http://user:canary@two words:1": "no host",
    "ftp://user:canary@p:1": "ftp is not a scheme",
    "socks4://user:canary@p:1": "socks4 is not a scheme",
    "socks://user:canary@p:1": "socks is not a scheme",
    "canary canary://p:1": "not a scheme",
    "socks5://user:canary@p:1": "needs the extra socks",
    "socks5h://user:canary@p:1": "[socks]",
}


@pytest.mark.parametrize("value", UNUSABLE)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY"])
def test_an_unusable_proxy_names_the_variable_and_the_cause(monkeypatch, variable, value):
    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv(variable, value)
    with pytest.raises(ProviderFault) as caught:
        proxy_for(API, "xai")
    error = caught.value
    assert (error.provider, error.charge, error.status) == ("xai", "none", None)
    assert variable in str(error)
    assert UNUSABLE[value] in str(error)
    assert "nothing was sent" in str(error)
    trace = TracebackException.from_exception(error, capture_locals=True)
    shown = "".join(line for line in trace.format() if "/http/proxies.py" in line)
    assert "proxy_for" in shown
    assert "canary" not in f"{error} {shown}"


@given(st.text(max_size=40).filter(lambda text: "\0" not in text))
def test_whatever_a_variable_holds_is_a_proxy_or_a_fault(text):
    with pytest.MonkeyPatch.context() as patch:
        try:
            patch.setenv("HTTPS_PROXY", text)
        except UnicodeEncodeError:
            return
        with suppress(ProviderFault):
            found = proxy_for(API, "openai")
            assert found is None or found.for_client("openai") is not None


@pytest.mark.parametrize(
    ("exceptions", "url", "direct"),
    [
        ("", API, False),
        ("*", API, True),
        ("example.com, *", API, True),
        ("api.openai.com", API, True),
        ("openai.com", API, True),
        (".openai.com", API, True),
        ("*.openai.com", API, True),
        (".api.openai.com", API, True),  # curl ignores a leading dot
        ("OpenAI.COM", API, True),
        ("openai.com.", API, True),
        ("openai.com", "https://api.openai.com./v1", True),
        ("pi.openai.com", API, False),
        ("penai.com", API, False),
        ("com", API, True),
        ("api.openai.com.evil", API, False),
        ("a.example,openai.com", API, True),
        ("a.example openai.com", API, True),
        (" a.example , openai.com ", API, True),
        (",,", API, False),
        # ports and schemes
        ("openai.com:443", API, True),
        ("openai.com:8443", API, False),
        ("openai.com:8443", "https://api.openai.com:8443/v1", True),
        ("openai.com", "https://api.openai.com:8443/v1", True),
        ("https://openai.com", API, True),
        ("all://openai.com", API, True),
        ("http://openai.com", API, False),
        ("openai.com:nonsense", API, False),
        ("openai.com/path", API, False),
        # addresses and networks
        ("10.1.2.3", "https://10.1.2.3/v1", True),
        ("10.1.2.3", "https://10.1.2.4/v1", False),
        ("10.1.2.3:8080", "https://10.1.2.3:8080/v1", True),
        ("10.1.2.3:8081", "https://10.1.2.3:8080/v1", False),
        ("3", "https://10.1.2.3/v1", False),
        ("2.3", "https://10.1.2.3/v1", False),
        ("10.0.0.0/8", "https://10.1.2.3/v1", True),
        ("10.1.2.3/8", "https://10.9.9.9/v1", True),
        ("10.0.0.0/8", "https://11.1.2.3/v1", False),
        ("10.0.0.0/99", "https://10.1.2.3/v1", False),
        ("0.0.0.0/0", API, False),  # names are not looked up for it
        ("fd00::1", "https://[fd00::1]/v1", True),
        ("[fd00::1]", "https://[fd00::1]:8443/v1", True),
        ("[fd00::1]:8443", "https://[fd00::1]:8443/v1", True),
        ("[fd00::1]:8443", "https://[fd00::1]/v1", False),
        ("[::1]:443", "https://[::1:443]/v1", False),
        ("fd00::/8", "https://[fd00::1]/v1", True),
        ("[fd00::]/8", "https://[fd00::1]/v1", True),
        ("fd00::/8", "https://[fe80::1]/v1", False),
        ("fd00:0:0::1", "https://[fd00::1]/v1", True),
        ("10.0.0.0/8", "https://[fd00::1]/v1", False),
        # names of other alphabets
        ("bücher.example", "https://xn--bcher-kva.example/v1", True),
        ("BÜCHER.example", "https://www.xn--bcher-kva.example/v1", True),
    ],
)
def test_what_no_proxy_exempts(exceptions, url, direct):
    assert is_direct(url, exceptions) is direct


@given(st.text(max_size=60))
def test_whatever_no_proxy_holds_can_be_read(text):
    assert is_direct(API, text) in (True, False)


@given(st.ip_addresses(), st.integers(0, 128))
def test_networks_are_those_of_the_standard_library(address, length):
    network = f"{address}/{min(length, address.max_prefixlen)}"
    host = f"[{address}]" if address.version == 6 else str(address)
    assert is_direct(f"https://{host}/v1", network)
    assert ipaddress.ip_address(str(address)) in ipaddress.ip_network(network, strict=False)
