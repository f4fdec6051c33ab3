"""Environments of their own for notebooks: kept in the cache folder, made with uv or pip from the index that is set up.

An environment sees the packages that unshelve runs with, and puts its own before them; so it holds only what differs.
Only built packages (wheels) are taken. What an installer prints is not shown: it may name an index with its password.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

import unshelve
from unshelve.errors import Unavailable
from unshelve.ids import digest_json

INSTALL_SECONDS: Final = 900.0
"""After which an installer is ended."""
_CONTENT: Final = "packages.json"
_LINKS: Final = "unshelve-packages.pth"
_NO_INDEX: Final = re.compile(
    r"NewConnectionError|ConnectionError|ConnectTimeout|ReadTimeout|Name or service not known|timed out|dns error"
    r"|Temporary failure|ProxyError|error sending request|Failed to fetch|SSLError|Network is unreachable",
    re.IGNORECASE,
)
_NOT_OFFERED: Final = re.compile(r"No matching distribution found for ([\w.-]+)|Because ([\w.-]+) was not found")
_CONFLICT: Final = re.compile(r"ResolutionImpossible|conflicting dependencies|No solution found")


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """An environment of its own: its Python, and the packages in it that are not those of unshelve's own."""

    python: Path
    packages: Mapping[str, str]


def environments_folder() -> Path:
    """Where environments are kept: they are made again when they are gone."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "unshelve" / "environments"


def environment_with(
    packages: Sequence[str], *, older: bool, told: Callable[[str], None], folder: Path | None = None
) -> Environment:
    """An environment with these packages, made where there is none yet. Raises Unavailable.

    Where they are not `older` than those that are here, the versions of all that is here hold for what they need.
    """
    root = folder or environments_folder()
    place = root / _key(packages)
    known = _opened(place)
    if known is not None:
        told(f"Taking the environment with {_listed(packages)} that was made before")
        return known
    told(f"Installing {_listed(packages)} into an environment of its own")
    root.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix=".making-", dir=root))
    try:
        _make(making, packages, older=older)
        with suppress(OSError):  # somebody else has made it meanwhile
            making.rename(place)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    made = _opened(place)
    if made is None:
        raise Unavailable("The environment that was made cannot be read.", code="environment-damaged")
    same = root / _key(pinned(made.packages))  # what a solution's requirements.txt asks for
    with suppress(FileExistsError):
        same.symlink_to(place.name)
    return made


def known_environment(packages: Mapping[str, str]) -> Environment | None:
    """The environment with just these packages that was made before; None where there is none."""
    return _opened(environments_folder() / _key(pinned(packages)))


def pinned(packages: Mapping[str, str]) -> tuple[str, ...]:
    """Packages with their versions, as pip takes them: "xgboost==3.2.0"."""
    return tuple(sorted(f"{name}=={version}" for name, version in packages.items()))


def own_packages(python_folder: Path) -> dict[str, str]:
    """The distributions that lie in an environment itself, with versions."""
    return {
        each.metadata["Name"]: each.version
        for each in importlib.metadata.distributions(path=[str(_site(python_folder))])
        if each.metadata["Name"] not in ("pip", "setuptools", "wheel")
    }


def package_paths() -> list[str]:
    """The folders from which this process takes unshelve and its packages, in their order."""
    own = str(Path(unshelve.__file__).resolve().parents[1])
    found = [
        each for each in sys.path if each and Path(each).is_absolute() and (each == own or _holds_distributions(each))
    ]
    return list(dict.fromkeys([*found, own]))


def _make(folder: Path, packages: Sequence[str], *, older: bool) -> None:
    has_pip = importlib.util.find_spec("pip") is not None
    uv = shutil.which("uv")
    venv.create(folder, with_pip=not (has_pip or uv), symlinks=os.name != "nt")
    (_site(folder) / _LINKS).write_text("\n".join(package_paths()) + "\n", encoding="utf-8")
    constraints = folder / "constraints.txt"
    constraints.write_text("" if older else "".join(f"{each}\n" for each in _here()), encoding="utf-8")
    python = _python(folder)
    options = ["--only-binary", ":all:", "--constraint", str(constraints)]
    if uv:
        command = [uv, "pip", "install", "--quiet", "--python", str(python), *options, *packages]
    else:
        pip = [sys.executable, "-m", "pip", "--python", str(python)] if has_pip else [str(python), "-m", "pip"]
        options += ["--timeout", "20", "--retries", "1", "--no-input", "--disable-pip-version-check"]
        command = [*pip, "install", "--quiet", *options, *packages]
    _run(command, packages)
    constraints.unlink()
    (folder / _CONTENT).write_bytes(msgspec.json.encode(own_packages(folder)))


def _run(command: Sequence[str], packages: Sequence[str]) -> None:
    """Run an installer. Raises Unavailable with a reason that holds nothing of what it printed but names."""
    asked = _listed(packages)
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=INSTALL_SECONDS,
            check=False,
            env={**os.environ, "UV_HTTP_TIMEOUT": "20"},
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(
            f"Installing {asked} took longer than {INSTALL_SECONDS:g} seconds.", code="install-too-slow"
        ) from None
    if done.returncode == 0:
        return
    hint = f"Install {asked} where unshelve runs, and lift again."
    not_offered = _NOT_OFFERED.search(done.stderr)
    if _NO_INDEX.search(done.stderr):
        raise Unavailable(f"The package index cannot be reached, to install {asked}.", code="index-gone", hint=hint)
    if not_offered:
        name = not_offered[1] or not_offered[2]
        raise Unavailable(f"The package index offers no {name} for this Python.", code="package-gone", hint=hint)
    if _CONFLICT.search(done.stderr):
        raise Unavailable(f"{asked} cannot be installed together.", code="packages-conflict", hint=hint)
    raise Unavailable(f"Installing {asked} failed.", code="install-failed", hint=hint)


def _opened(place: Path) -> Environment | None:
    """The environment in a folder; None where there is none that is whole."""
    python = _python(place)
    try:
        packages = msgspec.json.decode((place / _CONTENT).read_bytes(), type=dict[str, str])
    except (OSError, msgspec.DecodeError):
        return None
    return Environment(python=python, packages=packages) if python.exists() else None


def _key(packages: Sequence[str]) -> str:
    """The same for the same packages beside the same others."""
    return digest_json({"packages": sorted(packages), "beside": _here(), "paths": package_paths()})[:24]


def _here() -> list[str]:
    """What is installed where this process runs, as constraints: "numpy==2.4.6"."""
    found = {each.metadata["Name"]: each.version for each in reversed(list(importlib.metadata.distributions()))}
    return sorted(f"{name}=={version}" for name, version in found.items() if name and name != "unshelve")


def _holds_distributions(folder: str) -> bool:
    return next(iter(_distributions_in(folder)), None) is not None


def _distributions_in(folder: str) -> Iterator[Path]:
    with suppress(OSError):
        yield from Path(folder).glob("*.dist-info")


def _python(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _site(folder: Path) -> Path:
    if os.name == "nt":
        return folder / "Lib" / "site-packages"
    return folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"


def _listed(packages: Sequence[str]) -> str:
    named = [each.replace("==", " ") for each in packages]
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"
