"""`unshelve schema SOLUTION.MODEL`: the Schema of a model as a file that you own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from unshelve.cli.output import HomeOption, JsonOption, ModelArgument, result, say
from unshelve.cli.places import existing_home
from unshelve.errors import Conflict, NotFound, Refused
from unshelve.registry.solutions import get_solution
from unshelve.registry.versions import Version, get_version, versions_of
from unshelve.schema.compare import accepts_all, compare
from unshelve.schema.schema import Schema
from unshelve.schema.text import read, write
from unshelve.solution.stored import Stored, stored


def command(
    model: ModelArgument,
    version: Annotated[int | None, typer.Option(help="Of this version.", show_default="the newest")] = None,
    output: Annotated[Path | None, typer.Option("-o", help="Write it into this file.")] = None,
    own: Annotated[
        bool, typer.Option("--own", help="Write it into schema/MODEL.toml, where runs take it from.")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Say what changed instead.")] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Show the Schema that a version answers by, as the TOML file that a person can own and edit."""
    if (output is not None) + own + diff > 1:
        raise typer.BadParameter("-o, --own and --diff exclude each other.")
    with stored(existing_home(home)) as opened:
        seen = _seen(opened, model, version)
        if diff:
            _show_changes(opened, seen, json=json)
            return
    target = _owned_file(seen) if own else output
    text = write(seen.schema)
    if target is not None:
        _write(target, text, replace=not own)
    said = [text.rstrip()] if target is None else [f"Wrote {target}: {len(seen.schema.fields)} fields."]
    value = {
        "model": model,
        "version": seen.version.number,
        "file": None if target is None else str(target),
        "schema": seen.schema.to_json(),
    }
    result(value, json=json, lines=said)
    if own and not json:
        say("It is yours now: edit it, and the next run takes it as it is. `--diff` says what your edits change.")


@dataclass(frozen=True, slots=True)
class _Seen:
    """A version, its Schema, and the folder of its solution."""

    version: Version
    kind: str
    schema: Schema
    folder: Path


def _seen(opened: Stored, model: str, number: int | None) -> _Seen:
    with opened.database.read() as connection:
        newest = versions_of(connection, model, limit=1)[0]
        version = newest if number is None else get_version(connection, model, number)
        folder = Path(get_solution(connection, version.solution).folder)
    return _Seen(version, version.kind, _schema(opened, version), folder)


def _schema(opened: Stored, version: Version) -> Schema:
    file = opened.manifest(version).files["schema.json"]
    described = msgspec.json.decode(opened.blobs.get(file.digest))
    return Schema.from_json({key: described[key] for key in ("format", "fields")})


def _owned_file(seen: _Seen) -> Path:
    if seen.kind == "endpoint":
        raise Refused(
            f"{seen.version.model} is an endpoint: its Schema is that of its models and its own parameters.",
            code="endpoint-schema",
            hint="Own the Schemas of its models.",
        )
    return seen.folder / "schema" / f"{seen.version.name}.toml"


def _write(target: Path, text: str, *, replace: bool) -> None:
    if target.exists() and not replace:
        raise Conflict(
            f"{target} is there already, and it is yours.",
            code="schema-owned",
            hint="`--diff` says what it changes. Delete it, and the next run learns the Schema anew.",
        )
    if replace and not target.parent.is_dir():
        raise NotFound(f"There is no folder {target.parent}.", code="folder-not-found")
    target.parent.mkdir(exist_ok=True)
    temporary = target.with_name(f".{target.name}.new")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(target)


def _show_changes(opened: Stored, seen: _Seen, *, json: bool) -> None:
    """What the owned file changes; without one, what the version changed against the one before it."""
    version = seen.version
    owned = seen.folder / "schema" / f"{version.name}.toml"
    if owned.is_file():
        before, after = seen.schema, read(owned.read_text(encoding="utf-8"))
        names = (f"v{version.number}", f"schema/{owned.name}")
    else:
        before, after = _before(opened, version), seen.schema
        names = (f"v{version.number - 1}", f"v{version.number}")
    changes = compare(before, after)
    lines = [f"{'breaks  ' if change.breaks else '        '}{change}" for change in changes]
    if not changes:
        lines = [f"{names[0]} and {names[1]} say the same."]
    elif accepts_all(changes):
        lines.append(f"{names[1]} takes every row that {names[0]} takes.")
    value = {
        "model": version.model,
        "from": names[0],
        "to": names[1],
        "changes": [msgspec.to_builtins(change) for change in changes],
        "accepts_all": accepts_all(changes),
    }
    result(value, json=json, lines=lines)


def _before(opened: Stored, version: Version) -> Schema:
    if version.number == 1:
        raise NotFound(
            f"{version.model} v1 is the first version, and schema/{version.name}.toml is not there.",
            code="nothing-to-compare",
            hint="`unshelve schema SOLUTION.MODEL --own` writes it.",
        )
    with opened.database.read() as connection:
        return _schema(opened, get_version(connection, version.model, version.number - 1))
