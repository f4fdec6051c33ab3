"""The only place that turns stored bytes into Python objects by running what the bytes say.

Unpickling runs code. So `load` asks before it begins whether somebody vouches for exactly these bytes: this
server's own runs for what they made, or an administrator for what came from elsewhere (trust.py).
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from unshelve.errors import Damaged, Refused, Untrusted
from unshelve.ids import digest as digest_of
from unshelve.security.secrets import held_in

PROTOCOL: Final = 5
"""The pickle protocol that is written (PEP 574); raise it when every supported Python reads a newer one."""

_REFUSALS: Final = (pickle.PicklingError, TypeError, AttributeError, RecursionError, NotImplementedError)
"""How objects say that they cannot be pickled."""

FindClass = Callable[[str, str], object]
"""Gives the object that a module and a qualified name stand for, or raises."""


def dumps(value: object) -> bytes:
    """The bytes of an object. Raises Refused, naming the type that stands in the way, or the secret that is held."""
    try:
        data = pickle.dumps(value, protocol=PROTOCOL)
    except Refused:
        raise
    except _REFUSALS as error:
        raise _not_storable(value, error) from error
    held = held_in(data)
    if held is not None:
        raise Refused(
            f"A value of type {_name_of(type(value))} holds the secret {held} and cannot be stored.",
            code="secret-stored",
            hint="Use the secret inside the step that needs it, and return nothing that contains it.",
        )
    return data


def load(
    data: bytes | bytearray | memoryview,
    *,
    digest: str,
    trusted: Callable[[str], bool],
    find_class: FindClass | None = None,
) -> object:
    """The object that some bytes stand for, when somebody vouches for the bytes.

    `trusted` is asked for the digest, and the bytes must have that digest: Untrusted and Damaged are raised
    otherwise, before anything runs. `find_class` says where classes are looked up, for code that is not
    imported under its usual name.
    """
    if not trusted(digest):
        raise Untrusted(
            f"Nobody vouches for the bytes {digest[:12]}…, and loading them would run code that they contain.",
            hint="An owner can trust them by hash; formats that hold no code (ONNX, skops, JSON) need no trust.",
            details={"digest": digest},
        )
    if digest_of(data) != digest:
        raise Damaged(
            f"The bytes are not the ones that {digest[:12]}… stands for.",
            code="blob-damaged",
            details={"digest": digest},
        )
    if find_class is None:
        return pickle.loads(data)  # noqa: S301 - this is the place; the bytes are vouched for
    return _Loader(data, find_class).load()


class _Loader(pickle.Unpickler):
    def __init__(self, data: bytes | bytearray | memoryview, find: FindClass) -> None:
        super().__init__(io.BytesIO(data))
        self._find = find

    def find_class(self, module: str, name: str) -> object:
        return self._find(module, name)


class _Watcher(pickle.Pickler):
    """Pickles into nothing and remembers the type of the last object it turned to."""

    last: type = object

    def reducer_override(self, value: object) -> Any:  # Any: what the standard library declares is a private union
        self.last = type(value)
        return NotImplemented


def _not_storable(value: object, error: Exception) -> Refused:
    watcher = _Watcher(io.BytesIO(), protocol=PROTOCOL)
    # The first attempt failed, so this one does: it is made only to learn at which object.
    with suppress(*_REFUSALS):
        watcher.dump(value)
    outer, inner = _name_of(type(value)), _name_of(watcher.last)
    where = f"A value of type {outer} cannot be stored"
    if watcher.last not in (object, type(value)):
        where += f": it holds a {inner}"
    return Refused(
        f"{where} ({error}).",
        code="not-storable",
        hint="Return tables, arrays, plain values, or objects of classes that are defined at the top of a module.",
        details={"type": outer, "inner": inner},
    )


def _name_of(kind: type) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
