"""Starting runs, releasing versions, scoring files and making keys, for programs."""

from __future__ import annotations

import http
from datetime import datetime
from typing import TypeVar

import msgspec
from starlette.responses import Response

from unshelve.errors import Refused
from unshelve.registry.releases import ReleaseChange, roll_back, set_champion, withdraw
from unshelve.web.api.reading import answered
from unshelve.web.api.shapes import (
    KeyOrder,
    NewKeyShape,
    Promotion,
    Reason,
    ReleaseShape,
    RunParameters,
    RunStarted,
)
from unshelve.web.asked import Asked
from unshelve.web.pages.asking import scored
from unshelve.web.pages.models import reason_of
from unshelve.web.pages.people import create, revoke
from unshelve.web.solution_facts import facts_of, facts_of_model

_T = TypeVar("_T")


def start_run(asked: Asked) -> Response:
    """Queues a run, with other parameters where the body names some."""
    order = order_of(asked, RunParameters)
    with asked.site.database.read() as connection:
        name = facts_of(connection, asked.part("solution")).name
    cause = order.cause or f"{asked.who.name} started it by the API"
    run_id = asked.site.runs.start(name, parameters=order.parameters, actor=asked.who, cause=cause)
    return answered(RunStarted(id=run_id), http.HTTPStatus.ACCEPTED)


def stop_run(asked: Asked) -> Response:
    """Stops a run."""
    asked.site.runs.stop(asked.part("run"), actor=asked.who)
    return answered(RunStarted(id=asked.part("run")), http.HTTPStatus.ACCEPTED)


def promote(asked: Asked) -> Response:
    """Lets a version answer everybody."""
    order = order_of(asked, Promotion)
    with asked.site.database.write() as connection:
        change = set_champion(
            connection,
            asked.part("model"),
            order.version,
            verb="promote",
            actor=asked.who,
            reason=reason_of(order.reason),
            now=asked.now,
        )
    return answered(_release(change))


def rollback(asked: Asked) -> Response:
    """Lets the version answer that answered before."""
    reason = reason_of(order_of(asked, Reason).reason)
    with asked.site.database.write() as connection:
        change = roll_back(connection, asked.part("model"), actor=asked.who, reason=reason, now=asked.now)
    return answered(_release(change))


def retire(asked: Asked) -> Response:
    """Lets no version answer any more; the versions stay."""
    reason = reason_of(order_of(asked, Reason).reason)
    with asked.site.database.write() as connection:
        facts_of_model(connection, asked.part("model"))
        change = withdraw(connection, asked.part("model"), actor=asked.who, reason=reason, now=asked.now)
    return answered(_release(change))


def score(asked: Asked) -> Response:
    """Scores the file that was sent as `file` and gives it back with columns added."""
    with asked.site.database.read() as connection:
        facts_of_model(connection, asked.part("model"))
    return scored(asked, asked.part("model"))


def make_key(asked: Asked) -> Response:
    """Makes a key, which is shown this once."""
    order = order_of(asked, KeyOrder)
    made = create(asked, order.name, order.role, "" if order.days is None else str(order.days))
    return answered(NewKeyShape(id=made.id, key=made.text), http.HTTPStatus.CREATED)


def revoke_key(asked: Asked) -> Response:
    """Takes a key back."""
    revoke(asked, asked.part("key"))
    return Response(status_code=http.HTTPStatus.NO_CONTENT)


def order_of(asked: Asked, kind: type[_T]) -> _T:
    """The body of a call as what it must be. Raises Refused when it is not."""
    try:
        return msgspec.convert(asked.body or {}, kind)
    except msgspec.ValidationError as error:
        raise Refused(f"The body does not fit: {error}.", code="body-mismatch") from error


def _release(change: ReleaseChange) -> ReleaseShape:
    return ReleaseShape(
        verb=change.verb,
        from_version=change.from_version,
        to_version=change.to_version,
        actor=change.actor,
        reason=change.reason,
        changed_at=datetime.fromisoformat(change.changed_at),
    )
