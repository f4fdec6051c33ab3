"""Secrets: values that a solution needs and nobody should see, such as a database's password.

A value comes from the environment (`UNSHELVE_SECRET_NAME`) or from a file in the home (`keys/secrets/NAME`),
and is read when the source runs, not when the solution is loaded.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, SupportsIndex
from urllib.parse import quote, unquote

from unshelve.errors import NotFound, Refused

HIDDEN: Final = "•••"
"""What stands where a secret stood."""

_PREFIX: Final = "UNSHELVE_SECRET_"
_NAME: Final = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_SHORTEST_HIDDEN: Final = 4
"""A shorter value is left alone by `redact`: hiding every "1" of a log would hide the log."""
_SHORTEST_SEARCHED: Final = 8
"""A shorter value is not looked for in stored bytes, where it would stand by chance."""

# What this process has read. It is the one piece of state that belongs to the process and not to a caller: a
# value that user code has read can turn up in any text the process writes.
_READ: Final[dict[str, str]] = {}


class Secret(str):
    """A secret's value: a string that does not show itself in a `repr` and refuses to be stored."""

    __slots__ = ("name",)

    name: str

    def __new__(cls, value: str, name: str) -> Secret:
        made = super().__new__(cls, value)
        made.name = name
        return made

    def __repr__(self) -> str:
        return f"secret({self.name!r})"

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Secret:
        return self

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[object, ...]:
        raise Refused(
            f"The secret {self.name} would be stored with a result.",
            code="secret-stored",
            hint="Call secret() inside the step that needs it, and do not return it.",
        )


def secret(name: str) -> Secret:
    """The value of a secret, for use at this moment. Raises NotFound, naming both places where it was looked for."""
    _check_name(name)
    value = os.environ.get(_PREFIX + name)
    if value is None:
        value = _from_file(_home_folder(), name)
    if value is None:
        raise NotFound(
            f"The secret {name} is not set.",
            code="secret-not-found",
            hint=f"Set it with `unshelve secret set {name}`, or in the environment as {_PREFIX}{name}.",
        )
    if not value:
        raise Refused(f"The secret {name} is empty.", code="secret-empty")
    _remember(name, value)
    return Secret(value, name)


def secret_is_set(folder: Path | None, name: str) -> bool:
    """Whether a secret is set, in the environment or in a folder (`Home.secrets`). Its value is not kept in mind."""
    _check_name(name)
    return bool(os.environ.get(_PREFIX + name) or _from_file(folder, name))


def kept_secret(folder: Path, name: str) -> Secret:
    """The value of a secret for control itself, which keeps them in a folder (`Home.secrets`). Raises NotFound."""
    _check_name(name)
    value = os.environ.get(_PREFIX + name) or _from_file(folder, name)
    if not value:
        raise NotFound(
            f"The secret {name} is not set.", code="secret-not-found", hint=f"Set it: `unshelve secret set {name}`."
        )
    _remember(name, value)
    return Secret(value, name)


def redact(text: str) -> str:
    """The text with every secret that this process has read made unreadable, also where it was quoted or escaped."""
    for value in _values(_SHORTEST_HIDDEN):
        for form in (value, quote(value, safe=""), json.dumps(value)[1:-1], repr(value)[1:-1]):
            if form in text:
                text = text.replace(form, HIDDEN)
    return text


def held_in(data: bytes | bytearray | memoryview) -> str | None:
    """The name of a secret whose value stands in some bytes, or None."""
    whole = data if isinstance(data, bytes | bytearray) else bytes(data)
    for name, value in _READ.items():
        if len(value) >= _SHORTEST_SEARCHED and value.encode() in whole:
            return name
    return None


def remember_all(folder: Path) -> None:
    """Reads every secret of the environment and of a folder (`Home.secrets`), so that `redact` knows them all."""
    for variable, value in os.environ.items():
        if variable.startswith(_PREFIX) and value:
            _remember(variable.removeprefix(_PREFIX), value)
    for name in secret_names(folder):
        value = _from_file(folder, name) or ""
        if value and name not in _READ:
            _remember(name, value)


def set_secret(folder: Path, name: str, value: str) -> None:
    """Keeps a secret in a folder (`Home.secrets`), readable by its owner alone."""
    _check_name(name)
    if not value:
        raise Refused(f"The secret {name} would be empty.", code="secret-empty")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = folder / f".{name}.new"
    with suppress(FileNotFoundError):
        temporary.unlink()
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(value)
    temporary.rename(folder / name)


def remove_secret(folder: Path, name: str) -> None:
    """Forgets a secret that is kept in a folder. Raises NotFound."""
    _check_name(name)
    try:
        (folder / name).unlink()
    except FileNotFoundError:
        raise NotFound(f"No secret {name} is kept here.", code="secret-not-found") from None


def secret_names(folder: Path) -> list[str]:
    """The names of the secrets that are kept in a folder, sorted."""
    if not folder.is_dir():
        return []
    return sorted(entry.name for entry in folder.iterdir() if _NAME.fullmatch(entry.name))


def _remember(name: str, value: str) -> None:
    """Keeps a value in mind, and the password inside of an address as well: drivers write it out by itself."""
    _READ[name] = value
    head, at, _ = value.partition("://")[2].rpartition("@")
    if at:
        user, colon, password = head.partition(":")
        written = password if colon else user
        _READ[f"{name} (as it is written)"] = written
        _READ[f"{name} (its password)"] = unquote(written)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise Refused(
            f"{name[:80]!r} cannot be the name of a secret.",
            code="secret-name",
            hint="Use capital letters, digits and underscores, such as WAREHOUSE_PASSWORD.",
        )


def _home_folder() -> Path | None:
    home = os.environ.get("UNSHELVE_HOME")
    return Path(home).expanduser() / "keys" / "secrets" if home else None


def _from_file(folder: Path | None, name: str) -> str | None:
    if folder is None:
        return None
    try:
        return (folder / name).read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
    except FileNotFoundError:
        return None


def _values(shortest: int) -> Iterator[str]:
    """The longest first, so that a secret which holds another one is hidden whole."""
    yield from sorted((value for value in _READ.values() if len(value) >= shortest), key=len, reverse=True)
