"""Where the code of a solution comes from: the notebook that it was lifted from, and what was proven of the lift."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from unshelve.registry.tables import origin


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownOrigin:
    """The origin of one state of a solution's code, as it was when that code was registered."""

    solution: str
    code: str
    """Digest of the code; versions made of it carry the same one in their lineage."""
    notebook: str
    """File name of the notebook."""
    model: str
    """The step that became the notebook's model."""
    state: str
    """proven, not-proven, refused, unproven, edited or damaged."""
    blob: str
    """Digest of the whole, a JSON of solution.lifted.Origin."""


def put_origin(connection: Connection, known: KnownOrigin) -> None:
    """Keep where the code of a solution comes from, in the place of what was said of the same code before."""
    drop_origin(connection, known.solution, known.code)
    connection.execute(
        origin.insert().values(
            solution=known.solution,
            code=known.code,
            notebook=known.notebook,
            model=known.model,
            state=known.state,
            blob=known.blob,
        )
    )


def drop_origin(connection: Connection, solution: str, code: str) -> None:
    """Forget where this code comes from: nothing beside it says so any more."""
    connection.execute(origin.delete().where(origin.c.solution == solution, origin.c.code == code))


def origin_of(connection: Connection, solution: str, code: str) -> KnownOrigin | None:
    """Where this code of a solution comes from; None when it was not lifted."""
    row = connection.execute(select(origin).where(origin.c.solution == solution, origin.c.code == code)).mappings()
    found = row.first()
    return None if found is None else KnownOrigin(**found)
