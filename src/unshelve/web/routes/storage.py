"""What is stored: what it costs, and looking after it."""

from __future__ import annotations

from typing import Final

from unshelve.security.permissions import Action
from unshelve.web.api import storage as api
from unshelve.web.pages import storage as pages
from unshelve.web.route import Route, Takes

STORAGE: Final = (
    Route(method="GET", path="/storage", action=Action.MANAGE_STORE, handler=pages.store, name="storage", twin=True),
    Route(
        method="POST",
        path="/storage/sweep",
        action=Action.MANAGE_STORE,
        handler=pages.sweep,
        name="sweep",
        takes=Takes.FORM,
    ),
    Route(
        method="GET",
        path="/api/storage",
        action=Action.MANAGE_STORE,
        handler=api.storage,
        name="api-storage",
        summary="What is stored, by solution",
    ),
    Route(
        method="POST",
        path="/api/storage/sweep",
        action=Action.MANAGE_STORE,
        handler=api.sweep,
        name="api-sweep",
        takes=Takes.JSON,
        summary="Remove stored bytes that nothing needs",
    ),
    Route(
        method="POST",
        path="/api/storage/backup",
        action=Action.MANAGE_STORE,
        handler=api.back_up,
        name="api-backup",
        takes=Takes.JSON,
        summary="Back up the home, from the server's own command line",
    ),
)
