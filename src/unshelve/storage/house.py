"""Whose database it is: the one row that every server on it must agree with."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from unshelve.clock import milliseconds
from unshelve.errors import Conflict
from unshelve.ids import new_id
from unshelve.storage.tables import HOUSE


@dataclass(frozen=True, slots=True)
class House:
    """What the servers of one database have in common: an id that stays, and the key that they sign with."""

    id: str
    key: str


def known_house(connection: Connection) -> House | None:
    """The house of a database; None for a new one."""
    row = connection.execute(select(HOUSE.c.id, HOUSE.c.key)).first()
    return None if row is None else House(row.id, row.key)


def enter_house(connection: Connection, key: str, *, verifies: Collection[str], now: datetime) -> House:
    """The house of a database, made by the first server.

    `verifies` are the keys whose signatures this server can check. Raises Conflict where the house's is not among
    them: what one server signs the others must be able to verify, so they share `keys/`. A server that has the
    house's key among its former ones has got a new one, which becomes the house's.
    """
    house = known_house(connection)
    if house is None:
        house = House(new_id(milliseconds(now)), key)
        connection.execute(HOUSE.insert().values(id=house.id, key=key, made_at=milliseconds(now)))
    if house.key == key:
        return house
    if house.key not in verifies:
        raise Conflict(
            f"This database belongs to a home that signs with the key {house.key}; this home's key is {key}.",
            code="house-of-another-key",
            hint="Several servers on one database share their keys: copy `keys/` of the first one into this home.",
        )
    connection.execute(HOUSE.update().values(key=key))
    return House(house.id, key)
