"""Declared sources of a solution."""

from __future__ import annotations

from typing import Final

from unshelve.security.permissions import Action
from unshelve.web.pages import sources
from unshelve.web.route import Route

SOURCES: Final = (
    Route(
        method="GET",
        path="/solutions/{solution}/sources",
        action=Action.SEE,
        handler=sources.listing,
        name="sources",
        twin=True,
    ),
    Route(
        method="GET",
        path="/solutions/{solution}/sources/{source}",
        action=Action.SEE,
        handler=sources.one,
        name="source",
        twin=True,
    ),
)
