"""A little solution for workers, and its loader. Workers import it by name, so `tests` must be on their path."""

from __future__ import annotations

import ctypes
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from unshelve.pipeline.outputs import Context, Operation, call_function


def load(folder: Path) -> dict[str, Callable[..., object]]:
    """The functions below, and those of `solution.py` in the folder when there is one."""
    functions: dict[str, Callable[..., object]] = {
        function.__name__: function
        for function in (
            one,
            pid,
            add,
            sleep,
            leave,
            crash,
            kill,
            talk,
            raises,
            nothing,
            big,
            hash_order,
            where,
            secret,
        )
    }
    path = folder / "solution.py"
    if path.is_file():
        space: dict[str, Any] = {}
        exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), space)
        functions.update({name: value for name, value in space.items() if callable(value)})
    return functions


def one() -> int:
    return 1


def pid(**_: object) -> int:
    return os.getpid()


def add(one: int) -> int:
    return one + 1


def sleep(seconds: float = 30.0, **_: object) -> int:
    time.sleep(seconds)
    return 1


def leave() -> int:
    os._exit(7)


def crash() -> int:
    ctypes.string_at(0)
    return 1


def kill() -> int:
    os.kill(os.getpid(), 9)
    return 1


def talk() -> int:
    sys.stdout.write("out\n")
    sys.stderr.write("err\n")
    os.write(1, b"from C\n")
    os.system("echo from a child")
    warnings.warn("careful", UserWarning, stacklevel=1)
    return 1


def raises() -> int:
    raise ValueError("wrong")


def nothing() -> None:
    return None


def big() -> int:
    held = bytearray(200_000_000)
    return len(held)


def hash_order() -> list[str]:
    return list({"a", "b", "c", "d", "e", "f"})


def where() -> str:
    return str(Path.cwd())


def secret() -> str:
    return os.environ["UNSHELVE_HOME"]


def halves(call: Callable[..., object], inputs: dict[str, Any], parameters: dict[str, Any], context: Context) -> int:
    context.progress(1, 2)
    return 2


OPERATIONS: dict[str, Operation] = {"call": call_function, "halves": halves}
