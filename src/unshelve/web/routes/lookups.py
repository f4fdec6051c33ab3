"""Lookups: what rows are joined with, how fresh it is, and what it gives for a key."""

from __future__ import annotations

from typing import Final

from unshelve.security.permissions import Action
from unshelve.web.pages import lookups
from unshelve.web.route import Route, Takes

LOOKUPS: Final = (
    Route(
        method="GET",
        path="/solutions/{solution}/lookups",
        action=Action.SEE,
        handler=lookups.listing,
        name="lookups",
        twin=True,
    ),
    Route(
        method="POST",
        path="/solutions/{solution}/lookups/{lookup}/refresh",
        action=Action.RUN,
        handler=lookups.refresh,
        name="refresh-lookup",
        takes=Takes.FORM,
    ),
)
