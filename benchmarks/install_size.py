"""What an installation brings beyond the user's own stack: packages and megabytes, in a fresh environment.

    python benchmarks/install_size.py            # installs this checkout into a new environment and measures it
    python benchmarks/install_size.py --json     # the same as one JSON object

The user's own stack is numpy, scipy, pandas, pyarrow, scikit-learn and what these need. Everything else counts,
unshelve itself included, with the bytecode that pip compiles. Sizes are those of the files that each package's
own record lists; 1 MB is 1,000,000 bytes. Ends with 1 when a limit is passed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import venv
from dataclasses import asdict, dataclass
from pathlib import Path

MOST_PACKAGES = 40
MOST_MEGABYTES = 120.0
OWN_STACK = ("numpy", "scipy", "pandas", "pyarrow", "scikit-learn")
TOOLS = ("pip", "setuptools", "wheel")
CHECKOUT = Path(__file__).parents[1]

# Runs inside the new environment: name, version, size and needs of each distribution in it.
LISTING = """
import importlib.metadata as metadata, json, os, re, sys
from pip._vendor.packaging.requirements import Requirement

def name_of(text):
    return re.sub(r"[-_.]+", "-", text).lower()

found = {}
for one in metadata.distributions():
    files = {os.path.realpath(file.locate()) for file in one.files or ()}
    needs = [Requirement(text) for text in one.requires or ()]
    found[name_of(one.metadata["Name"])] = {
        "version": one.version,
        "size_bytes": sum(os.path.getsize(file) for file in files if os.path.isfile(file)),
        "needs": sorted(name_of(n.name) for n in needs if n.marker is None or n.marker.evaluate({"extra": ""})),
    }
json.dump(found, sys.stdout)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One installed distribution: its version, its size, and the distributions it asks for itself."""

    name: str
    version: str
    size_bytes: int
    needs: tuple[str, ...]


def installed_fresh() -> dict[str, Package]:
    """What a new environment holds after this checkout was installed into it, by name."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = str(Path(folder) / "bin" / "python")
        install = [python, "-m", "pip", "install", "-qq", "--disable-pip-version-check", copied(Path(folder) / "copy")]
        subprocess.run(install, check=True)
        listing = subprocess.run([python, "-c", LISTING], check=True, capture_output=True, text=True)
    listed = json.loads(listing.stdout)
    return {
        name: Package(name=name, version=one["version"], size_bytes=one["size_bytes"], needs=tuple(one["needs"]))
        for name, one in listed.items()
        if name not in TOOLS
    }


def copied(folder: Path) -> str:
    """A copy of what is built, so that building leaves nothing in the checkout."""
    shutil.copytree(CHECKOUT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(CHECKOUT / name, folder / name)
    return str(folder)


def needed_by(roots: tuple[str, ...], packages: dict[str, Package]) -> set[str]:
    """The named packages and all that they need, of those that are installed."""
    found: set[str] = set()
    waiting = [name for name in roots if name in packages]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(need for need in packages[name].needs if need in packages)
    return found


def main() -> int:
    """Measure, print, and say whether the limits are kept."""
    options = argparse.ArgumentParser(description="What an installation brings beyond the user's own stack.")
    options.add_argument("--json", action="store_true", help="print one JSON object")
    as_json = options.parse_args().json
    packages = installed_fresh()
    own = needed_by(OWN_STACK, packages)
    beyond = sorted((packages[name] for name in packages if name not in own), key=lambda one: -one.size_bytes)
    megabytes = sum(one.size_bytes for one in beyond) / 1e6
    kept = len(beyond) <= MOST_PACKAGES and megabytes <= MOST_MEGABYTES
    if as_json:
        listed = [asdict(one) for one in beyond]
        print(json.dumps({"packages": len(beyond), "megabytes": round(megabytes, 1), "kept": kept, "listed": listed}))
        return 0 if kept else 1
    for one in beyond:
        print(f"{one.size_bytes / 1e6:8.1f} MB  {one.name} {one.version}")
    stack = sum(packages[name].size_bytes for name in own) / 1e6
    print(f"{megabytes:8.1f} MB  in {len(beyond)} packages; at most {MOST_MEGABYTES:g} MB in {MOST_PACKAGES}")
    print(f"{stack:8.1f} MB  in {len(own)} packages of the user's own stack, not counted: {', '.join(sorted(own))}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
