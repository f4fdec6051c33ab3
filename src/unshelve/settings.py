"""What can be set about a server: the one table of names, types, defaults and what they are for.

The environment counts before `settings.toml` in the home, and that before the default. `docs/settings.md` shows
the same table.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from unshelve.errors import Refused

PREFIX: Final = "UNSHELVE_"
"""What the name of a setting is preceded by in the environment, in capital letters."""

_SWITCHES: Final = {
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
    "0": False,
    "false": False,
    "no": False,
    "off": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One row of the table."""

    name: str
    kind: type
    default: object
    help: str
    least: float | None
    choices: tuple[str, ...]

    @property
    def environment(self) -> str:
        """Its name in the environment."""
        return PREFIX + self.name.upper()


# Any: the field takes the type of its annotation.
def _set(default: object, text: str, *, least: float | None = None, choices: tuple[str, ...] = ()) -> Any:
    return field(default=default, metadata={"help": text, "least": least, "choices": choices})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set, with its value. Each field is a row of the table."""

    database: str = _set(
        "", "Where the database is: a path or `postgresql://USER:PASSWORD@HOST/NAME`. Empty: `unshelve.db` in the home."
    )
    blobs: str = _set(
        "", "Where blobs are kept: a folder, `s3://BUCKET/PREFIX`, `az://…` or `gs://…`. Empty: `blobs/` in the home."
    )
    blob_cache_bytes: int = _set(
        10 * 2**30, "How much of blobs that are kept elsewhere may lie in `cache/` in the home.", least=2**20
    )
    durable_blobs: bool = _set(
        False, "Whether each blob waits for the disk, so that no loss of power can take it back."
    )
    host: str = _set("127.0.0.1", "The address to listen on; `0.0.0.0` for every network of the machine.")
    port: int = _set(8000, "The port to listen on; 0 for any free one.", least=0)
    log_level: str = _set(
        "info", "How much is written to standard error.", choices=("debug", "info", "warning", "error")
    )
    session_idle_hours: float = _set(12.0, "Hours without use after which somebody must sign in again.", least=0.01)
    session_days: float = _set(7.0, "Days after which somebody must sign in again in any case.", least=0.01)
    body_bytes: int = _set(8 * 2**20, "The largest body of a prediction request, in bytes.", least=1024)
    file_bytes: int = _set(256 * 2**20, "The largest file that may be uploaded, in bytes.", least=1024)
    flush: str = _set(
        "each-second",
        "When logged predictions are made to survive a loss of power.",
        choices=("never", "each-second", "always"),
    )
    install: bool = _set(
        True,
        "Whether packages that a notebook lacks are fetched from the package index, into an environment of its own.",
    )
    webhook_hosts: str = _set(
        "", "Hosts of the own network that webhooks may be sent to, with commas between them: `hooks.example.lan`."
    )
    workers: int = _set(0, "How many processes run steps at a time; 0: one for each core.", least=0)
    keep_runs_days: float = _set(
        0.0, "Days after which runs that made no version that is kept are removed; 0: never.", least=0
    )
    keep_versions: int = _set(
        0, "How many versions of each model are kept beside those that answer or did last; 0: all.", least=0
    )
    sweep_daily: bool = _set(
        True, "Whether a served home removes once a day the stored bytes that nothing needs, as `unshelve gc` does."
    )
    keep_predictions_days: float = _set(0.0, "Days after which sealed answers are removed; 0: never.", least=0)
    lease_seconds: float = _set(
        30.0,
        "Seconds after the last word of a server until another one on the same database takes up its runs.",
        least=1.0,
    )
    worker_idle_seconds: float = _set(60.0, "Seconds after which a run process without work ends.", least=0)


def read_settings(file: Path | None, environment: Mapping[str, str]) -> Settings:
    """The settings as environment, file and defaults have them. Raises Refused, naming the place, for a bad value."""
    rows = {setting.name: setting for setting in table()}
    values: dict[str, object] = {}
    for name, given in _from_file(file, rows).items():
        values[name] = _value(rows[name], given, f"{name} in {file}")
    for setting in rows.values():
        text = environment.get(setting.environment)
        if text is not None:
            values[setting.name] = _value(setting, _parsed(setting, text), setting.environment)
    return Settings(**values)  # type: ignore[arg-type]  # each value was checked against its row just now


def table() -> tuple[Setting, ...]:
    """Every setting, in the order of the documentation."""
    return tuple(
        Setting(
            name=one.name,
            kind=type(one.default),
            default=one.default,
            help=one.metadata["help"],
            least=one.metadata["least"],
            choices=one.metadata["choices"],
        )
        for one in fields(Settings)
    )


def _from_file(file: Path | None, rows: Mapping[str, Setting]) -> dict[str, object]:
    if file is None or not file.exists():
        return {}
    try:
        given = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Refused(f"{file} cannot be read: {error}.", code="settings-unreadable") from error
    for name in given:
        if name not in rows:
            raise Refused(
                f"{file} sets {name!r}, and there is no such setting.",
                code="setting-unknown",
                near=difflib.get_close_matches(name, rows, n=3),
            )
    return given


def _parsed(setting: Setting, text: str) -> object:
    """A text of the environment as the kind of value that a file would hold; unreadable ones stay texts."""
    if setting.kind is bool:
        return _SWITCHES.get(text.strip().lower(), text)
    if setting.kind in (int, float):
        try:
            return setting.kind(text)
        except ValueError:
            return text
    return text


def _value(setting: Setting, given: object, place: str) -> object:
    if setting.kind is float and type(given) is int:
        given = float(given)
    if type(given) is not setting.kind:
        raise _bad(setting, given, place, f"must be {_WORDS[setting.kind]}")
    if setting.choices and given not in setting.choices:
        raise _bad(setting, given, place, f"must be one of {', '.join(setting.choices)}")
    if setting.least is not None and isinstance(given, int | float) and not given >= setting.least:
        raise _bad(setting, given, place, f"must be at least {setting.least:g}")
    return given


def _bad(setting: Setting, given: object, place: str, wrong: str) -> Refused:
    near = difflib.get_close_matches(str(given), setting.choices, n=1)
    return Refused(f"{place} is {str(given)[:80]!r} and {wrong}.", code="setting-invalid", near=near)


_WORDS: Final = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}
