"""Going elsewhere after something was done: addresses on this server only."""

from __future__ import annotations

import http
from urllib.parse import urlsplit

from starlette.responses import RedirectResponse


def local(address: str, otherwise: str = "/") -> str:
    """The address when it is a path on this server; `otherwise` for anything that could lead elsewhere."""
    parts = urlsplit(address)
    plain = address.startswith("/") and not address.startswith(("//", "/\\")) and not parts.netloc and not parts.scheme
    printable = address.isascii() and address.isprintable() and "\\" not in address
    return address if plain and printable else otherwise


def to(address: str) -> RedirectResponse:
    """See another page, by GET."""
    return RedirectResponse(address, http.HTTPStatus.SEE_OTHER)
