"""The seed of Python's text hashes in every process of a home that answers.

Python orders sets of texts, and computes `hash()` of them, otherwise in each process, unless PYTHONHASHSEED says how.
A version is proved by one process and answers from others, so all of them use one seed. It is the home's own and
kept with its keys: whoever knows the seed can make dictionaries slow. Training uses another one (0), so that the
Proof finds code that leans on the order of a set.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

VARIABLE = "PYTHONHASHSEED"


def hash_seed(keys: Path) -> str:
    """The seed of a home, as the environment variable has it; made at the first call. `keys`: its folder of keys."""
    path = keys / "hash-seed"
    if not path.exists():
        made = path.with_name(f".hash-seed.{os.getpid()}")
        handle = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(str(1 + secrets.randbelow(2**32 - 1)))
        try:
            os.link(made, path)  # the first one counts
        except FileExistsError:
            pass
        finally:
            made.unlink()
    return path.read_text(encoding="ascii").strip()
