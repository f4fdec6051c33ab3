"""Errors on the wire: problem details for HTTP (RFC 9457)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from unshelve.errors import UnshelveError

PROBLEM_TYPE: Final = "application/problem+json"

RETRY_AFTER: Final = "retry_after_seconds"
"""The key in an error's `details` that becomes the Retry-After header."""

_ENCODER: Final = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Problem:
    """What an error says to a program that asked over HTTP."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...]
    """Beside content-type and content-length, which follow from the body."""


def problem(error: UnshelveError) -> Problem:
    """The problem document of an error; of its `details` only the list of problems leaves the server."""
    document: dict[str, object] = {
        "type": f"urn:unshelve:problem:{error.subject_code}",
        "title": (type(error).__doc__ or "").strip().splitlines()[0],
        "status": error.status,
        "code": error.subject_code,
        "detail": error.message,
    }
    if error.near:
        document["near"] = list(error.near)
    if error.hint:
        document["hint"] = error.hint
    if "problems" in error.details:
        document["problems"] = error.details["problems"]
    return Problem(error.status, _ENCODER.encode(document), _headers(error))


def unexpected() -> Problem:
    """The problem document of a failure that is a mistake in unshelve; what failed is in the server's log alone."""
    return problem(UnshelveError("Something went wrong in unshelve; the server's log says what."))


def _headers(error: UnshelveError) -> tuple[tuple[str, str], ...]:
    headers = []
    if error.status == 401:
        headers.append(("www-authenticate", 'Bearer realm="unshelve"'))
    wait = error.details.get(RETRY_AFTER)
    if wait is not None:
        headers.append(("retry-after", str(wait)))
    return tuple(headers)
