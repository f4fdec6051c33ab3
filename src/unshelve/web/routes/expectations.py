"""What must hold of a solution's tables: the page, and rows that were set aside."""

from __future__ import annotations

from typing import Final

from unshelve.security.permissions import Action
from unshelve.web.pages import expectations
from unshelve.web.route import Route

EXPECTATIONS: Final = (
    Route(
        method="GET",
        path="/solutions/{solution}/expectations",
        action=Action.SEE,
        handler=expectations.listing,
        name="expectations",
        twin=True,
    ),
    Route(
        method="GET",
        path="/runs/{run}/expectations/{name}/aside.{kind}",
        action=Action.SEE_LOG,
        handler=expectations.aside,
        name="rows-set-aside",
    ),
)
