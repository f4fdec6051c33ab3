"""The only place that fetches from an address that a person gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin

import httpx

from unshelve.clock import SystemClock
from unshelve.errors import Refused, TooLarge, Unavailable
from unshelve.security.urls import Resolve, SafeUrl, UrlRules, check_url


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLimits:
    """How much a fetch may bring, and how long each of its parts may take: connecting, waiting, the body."""

    size_bytes: int = 100 << 20
    timeout_seconds: float = 30.0
    redirects: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What came back from the last address of a chain of redirects."""

    url: str
    status: int
    content_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names are in small letters."""


def fetch(
    url: str,
    *,
    rules: UrlRules | None = None,
    limits: FetchLimits | None = None,
    resolve: Resolve | None = None,
    headers: Mapping[str, str] | None = None,
) -> Fetched:
    """What an address answers to GET; each redirect is checked as the first address was.

    `headers` may hold a credential: they are sent to the first address's scheme, host and port, and to no other.

    The connection goes to the numeric address that was checked, whatever the name says a moment later; the
    certificate is still checked against the name. Raises Refused, TooLarge or Unavailable.
    """
    limits = limits or FetchLimits()
    transport = httpx.HTTPTransport(trust_env=False, retries=0)
    with httpx.Client(transport=transport, timeout=limits.timeout_seconds, follow_redirects=False) as client:
        first: tuple[str, str, int] | None = None
        for _ in range(limits.redirects + 1):
            safe = check_url(url, rules=rules, resolve=resolve)
            place = (safe.scheme, safe.host, safe.port)
            first = first or place
            answer, following = _ask(client, safe, limits, dict(headers or {}) if place == first else {})
            if following is None:
                return answer
            url = urljoin(url, following)
    raise Refused(f"The address leads on more than {limits.redirects} times.", code="url-redirects")


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    rules: UrlRules | None = None,
    limits: FetchLimits | None = None,
    resolve: Resolve | None = None,
) -> Fetched:
    """What an address answers to POST. A redirect is an answer like any other: what was meant for one address is not
    sent to another. Raises Refused, TooLarge or Unavailable.
    """
    limits = limits or FetchLimits()
    transport = httpx.HTTPTransport(trust_env=False, retries=0)
    with httpx.Client(transport=transport, timeout=limits.timeout_seconds, follow_redirects=False) as client:
        safe = check_url(url, rules=rules, resolve=resolve)
        answer, _ = _ask(client, safe, limits, dict(headers), body=body)
        return answer


def _ask(
    client: httpx.Client, safe: SafeUrl, limits: FetchLimits, own: dict[str, str], *, body: bytes | None = None
) -> tuple[Fetched, str | None]:
    """Ask an address that was checked: GET, or POST with a body."""
    address = httpx.URL(safe.url).copy_with(host=safe.address, port=safe.port)
    host = f"[{safe.host}]" if ":" in safe.host else safe.host
    named = host if safe.port in (80, 443) else f"{host}:{safe.port}"
    plain = {**own, "host": named, "accept-encoding": "identity"}
    if any(letter in value for value in plain.values() for letter in "\r\n\0"):
        raise Refused("A header of the request holds a line break.", code="header-odd")
    headers = {name.encode(): value.encode() for name, value in plain.items()}
    method = "GET" if body is None else "POST"
    try:
        with client.stream(
            method, address, content=body, headers=headers, extensions={"sni_hostname": safe.host}
        ) as response:
            following = response.headers.get("location") if response.is_redirect else None
            received = b"" if following else _body(response, limits)
    except httpx.HTTPError as error:
        raise Unavailable(
            f"{safe.scheme}://{host} did not answer ({type(error).__name__}).", code="fetch-failed"
        ) from error
    kind = response.headers.get("content-type", "")
    told = {name.lower(): value for name, value in response.headers.items()}
    return Fetched(url=safe.url, status=response.status_code, content_type=kind, body=received, headers=told), following


def _body(response: httpx.Response, limits: FetchLimits) -> bytes:
    parts: list[bytes] = []
    size = 0
    clock = SystemClock()
    # httpx limits each wait; only this limits the sum of many small ones.
    end = clock.monotonic() + limits.timeout_seconds
    for chunk in response.iter_raw():
        size += len(chunk)
        if size > limits.size_bytes:
            raise TooLarge(f"The address answers with more than {limits.size_bytes:,} bytes.", code="fetch-too-large")
        if clock.monotonic() > end:
            raise Unavailable("The address answers too slowly.", code="fetch-failed")
        parts.append(chunk)
    return b"".join(parts)
