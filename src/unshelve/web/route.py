"""Route: one line of the table in routes.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from starlette.responses import Response

from unshelve.security.permissions import Action
from unshelve.web.asked import Asked

Method = Literal["GET", "POST", "DELETE"]
Handler = Callable[[Asked], Response]


class Takes(StrEnum):
    """What a request to a route carries."""

    NOTHING = "nothing"
    FORM = "form"
    FILE = "file"
    JSON = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One address: who may use it, what it takes and what answers.

    `twin` also serves the page's JSON at the address with `.json`. `summary` describes it in OpenAPI; pages have
    none and are left out there.
    """

    method: Method
    path: str
    action: Action
    handler: Handler
    name: str
    takes: Takes = Takes.NOTHING
    twin: bool = False
    summary: str = ""
