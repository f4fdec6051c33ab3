"""Addresses: public ones pass, every way to say "this machine" does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unshelve.errors import Refused, Unavailable
from unshelve.security.urls import SafeUrl, UrlRules, check_url

PUBLIC = "93.184.216.34"


def resolve(host: str, port: int) -> list[str]:
    known = {
        "example.org": [PUBLIC],
        "v6.example.org": ["2606:2800:220:1:248:1893:25c8:1946"],
        "rebind.example.org": [PUBLIC, "127.0.0.1"],
        "inside.example.org": ["10.1.2.3"],
        "mapped.example.org": ["::ffff:10.1.2.3"],
        "scoped.example.org": ["fe80::1%eth0"],
        "nothing.example.org": [],
        "localhost": ["127.0.0.1", "::1"],
    }
    if host not in known:
        raise OSError("no such host")
    return known[host]


def test_a_public_address_passes_with_the_number_to_connect_to() -> None:
    assert check_url("https://example.org/a?b=1#c", resolve=resolve) == SafeUrl(
        url="https://example.org/a?b=1#c", scheme="https", host="example.org", port=443, address=PUBLIC
    )
    assert check_url("http://v6.example.org:8000/", resolve=resolve).port == 8000
    assert check_url(f"http://{PUBLIC}/", resolve=resolve).address == PUBLIC
    assert check_url("http://EXAMPLE.org./", resolve=resolve).host == "example.org"


REFUSED = [
    "http://127.0.0.1/",
    "http://127.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://0177.0.0.1/",
    "http://017700000001/",
    "http://127.0.0.1.:80/",
    "http://127.000.000.001/",
    "http://0/",
    "http://0.0.0.0/",
    "http://localhost/",
    "http://LOCALHOST/",
    "http://[::1]/",
    "http://[::]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::127.0.0.1]/",
    "http://[2002:7f00:1::]/",
    "http://[2002:a00:1::1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b:1::a00:1]/",
    "http://[2001:0:4136:e378:8000:63bf:80ff:fffe]/",
    "http://[fe80::1]/",
    "http://[fe80::1%25eth0]/",
    "http://[fc00::1]/",
    "http://[fec0::1]/",
    "http://[ff02::1]/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.1.1/",
    "http://100.64.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://240.0.0.1/",
    "http://192.0.2.1/",
    "http://rebind.example.org/",
    "http://inside.example.org/",
    "http://mapped.example.org/",
    "http://scoped.example.org/",
    "http://ada:pw@example.org/",
    "http://example.org@127.0.0.1/",
    "http://@example.org/",
    "http://example.org:0/",
    "http://example.org:99999/",
    "http://example.org:x/",
    "http://exa mple.org/",
    "http://example.org\\@127.0.0.1/",
    "http://example.org\r\nX: y/",
    "http://example.org\t/",
    "http://ex\u0430mple.org/",
    "http://\uff11\uff12\uff17.0.0.1/",
    "http://[::1/",
    "http:///x",
    "http:example.org",
    "//example.org/",
    "example.org",
    "",
    "ftp://example.org/",
    "file:///etc/passwd",
    "gopher://example.org/",
    "javascript:alert(1)",
    "data:text/plain,x",
    "http://" + "a" * 64 + ".org/",
    "http://-a.org/",
    "http://a..org/",
    "http://example.org/" + "x" * 2048,
]


@pytest.mark.parametrize("url", REFUSED, ids=lambda url: ascii(url)[:60])
def test_every_way_inside_is_refused(url: str) -> None:
    with pytest.raises(Refused) as caught:
        check_url(url, resolve=resolve)
    assert "pw" not in caught.value.message


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9000/", "http://[::1]/", "http://inside.example.org/", "http://localhost/"]
)
def test_private_addresses_pass_when_they_are_allowed(url: str) -> None:
    check_url(url, rules=UrlRules(private=True), resolve=resolve)


@pytest.mark.parametrize(
    "url", ["http://2130706433/", "http://ada:pw@127.0.0.1/", "file:///etc/passwd", "http://0x7f.1/"]
)
def test_odd_forms_stay_refused_even_then(url: str) -> None:
    with pytest.raises(Refused):
        check_url(url, rules=UrlRules(private=True), resolve=resolve)


def test_only_listed_hosts_and_schemes_pass() -> None:
    rules = UrlRules(hosts=frozenset({"example.org"}), schemes=frozenset({"https"}))
    check_url("https://example.org/", rules=rules, resolve=resolve)
    for url in ("https://v6.example.org/", "http://example.org/", f"https://{PUBLIC}/"):
        with pytest.raises(Refused):
            check_url(url, rules=rules, resolve=resolve)


@pytest.mark.parametrize("host", ["unknown.example.org", "nothing.example.org"])
def test_a_host_without_an_address_is_unavailable(host: str) -> None:
    with pytest.raises(Unavailable, match=host):
        check_url(f"http://{host}/", resolve=resolve)


@given(st.ip_addresses())
def test_an_address_passes_exactly_when_it_is_global(address: object) -> None:
    text = f"[{address}]" if ":" in str(address) else str(address)
    try:
        safe = check_url(f"http://{text}/")
    except Refused:
        return
    assert safe.address == str(address)
    assert address.is_global  # type: ignore[attr-defined]  # hypothesis gives either kind of address
