"""What the sealed log takes, in bytes."""

from __future__ import annotations

from sqlalchemy import Connection, Float, cast, func, select

from unshelve.predictions.tables import SEGMENT_COUNT, SEGMENT_FILE


def bytes_by_model(connection: Connection, solution: str | None = None) -> dict[str, int]:
    """The bytes of sealed files by model, of one solution or of all: each file's, shared out by its answers.

    Cost: one row for each file and version that answered in it.
    """
    file, counted = SEGMENT_FILE, SEGMENT_COUNT
    share = file.c.size_bytes * cast(counted.c.answers, Float) / file.c.records
    query = (
        select(counted.c.model, func.sum(share))
        .join(file, (file.c.segment == counted.c.segment) & (file.c.day == counted.c.day))
        .group_by(counted.c.model)
    )
    if solution is not None:  # "." and "/" are neighbours: every text that begins with SOLUTION. lies between
        query = query.where(counted.c.model > f"{solution}.", counted.c.model < f"{solution}/")
    rows = connection.execute(query)
    return {model: round(size) for model, size in rows}
