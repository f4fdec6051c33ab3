"""Pages of an API: which address comes next, and the rows that a page holds. Pure: `get` brings a page's bytes.

No server is believed: pages are bounded in number, one that leads back to itself or repeats the page before is refused,
and what is no list of objects is said with its page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

import msgspec

from unshelve.errors import Refused, TooMany
from unshelve.ids import digest

Row = dict[str, Any]  # a JSON object


@dataclass(frozen=True, slots=True)
class Page:
    """What one address answered."""

    body: bytes
    headers: Mapping[str, str]


Get = Callable[[str], Page]


def rows_of_pages(
    get: Get, address: str, *, paging: Mapping[str, Any] | None, at: str, most: int
) -> Iterator[list[Row]]:
    """The rows of each page, from the first address on. Refused for a page that is none, TooMany for one too many."""
    following: str | None = address if paging is None else _first(address, paging)
    seen: set[str] = set()
    before = ""
    for number in range(1, most + 1):
        if following is None:
            return
        if following in seen:
            raise Refused(f"Page {number} leads back to an address that was asked before.", code="pages-endless")
        seen.add(following)
        page = get(following)
        value = _decoded(page, number)
        rows = _rows(value, at, number)
        content = digest(page.body)
        if rows and content == before:
            raise Refused(
                f"Page {number} is the same as the one before.",
                code="pages-endless",
                hint="Does the API number its pages otherwise? See by_page, by_link and by_cursor.",
            )
        before = content
        yield rows
        following = None if paging is None else _next(following, paging, value, page, rows, number)
    if following is not None:
        raise TooMany(
            f"There are more than {most:,} pages.", code="pages-many", hint="Raise most_pages=, or ask for less."
        )


def with_parameter(address: str, name: str, value: object) -> str:
    """An address with one parameter set, in the place of what it was."""
    parts = urlsplit(address)
    kept = [(each, told) for each, told in parse_qsl(parts.query, keep_blank_values=True) if each != name]
    return urlunsplit(parts._replace(query=urlencode([*kept, (name, str(value))])))


def _first(address: str, paging: Mapping[str, Any]) -> str:
    return with_parameter(address, paging["parameter"], paging["first"]) if paging["by"] == "page" else address


def _next(address: str, paging: Mapping[str, Any], value: Any, page: Page, rows: list[Row], number: int) -> str | None:
    if paging["by"] == "page":
        return with_parameter(address, paging["parameter"], paging["first"] + number) if rows else None
    if paging["by"] == "cursor":
        cursor = _at(value, paging["at"])
        if cursor is None or cursor == "" or cursor is False:
            return None
        if not isinstance(cursor, str | int):
            raise Refused(f"The cursor of page {number} is {_said(cursor)}.", code="page-odd")
        return with_parameter(address, paging["parameter"], cursor)
    link = _at(value, paging["at"]) if paging["at"] else _link(page.headers.get("link", ""))
    if link is None or link == "":
        return None
    if not isinstance(link, str):
        raise Refused(f"The next address of page {number} is {_said(link)}.", code="page-odd")
    return urljoin(address, link)


def _decoded(page: Page, number: int) -> Any:
    try:
        return msgspec.json.decode(page.body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Refused(
            f"Page {number} is not JSON ({len(page.body):,} bytes): {str(error)[:160]}.",
            code="page-damaged",
            hint="It was cut on its way, or the address answers something else.",
        ) from None


def _rows(value: Any, at: str, number: int) -> list[Row]:
    found = _at(value, at) if at else value
    where = f"in {at}" if at else "as a whole"
    if not isinstance(found, list):
        names = ", ".join(list(value)[:12]) if isinstance(value, dict) else _said(value)
        raise Refused(
            f"Page {number} holds {_said(found)} {where}, not a list of rows.",
            code="page-odd",
            hint=f'Say where its rows are: rows="…". It has {names}.',
        )
    odd = next((each for each in found if not isinstance(each, dict)), None)
    if odd is not None or None in found:
        raise Refused(f"Page {number} holds {_said(odd)} among its rows, not an object.", code="page-odd")
    return found


def _at(value: Any, path: str) -> Any:
    """What stands at "a.b.c" of a JSON value; None where nothing does."""
    for name in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def _link(header: str) -> str | None:
    """The address of rel="next" of a header Link (RFC 8288)."""
    for found in _LINK.finditer(header):
        if _NEXT.search(found["rest"]):
            return found["address"]
    return None


def _said(value: object) -> str:
    return "nothing" if value is None else f"a {_WORDS.get(type(value), type(value).__name__)}"


_LINK: Final = re.compile(r"<(?P<address>[^>]*)>(?P<rest>[^<]*)")
_NEXT: Final = re.compile(r"rel\s*=\s*\"?[^\";,]*\bnext\b", re.IGNORECASE)
_WORDS: Final = {dict: "JSON object", list: "list", str: "text", int: "number", float: "number", bool: "truth value"}
