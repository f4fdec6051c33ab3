"""What the pages and the API stand on: the one value that `app.build` is given; what others do is plugged in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Literal, Protocol

from jinja2 import Environment

from unshelve.clock import Clock
from unshelve.predictions.query import PredictionLog
from unshelve.security.actors import Actor
from unshelve.security.authenticate import Doorkeeper
from unshelve.security.last_use import LastUse
from unshelve.security.sign_in import SignIn
from unshelve.security.signing import Verifier
from unshelve.security.urls import UrlRules
from unshelve.settings import Settings
from unshelve.storage.blobs import BlobStore
from unshelve.storage.database import Database
from unshelve.upkeep.backup import BackupDone, Keeping
from unshelve.upkeep.keeper import Places
from unshelve.upkeep.sweeping import Sweep
from unshelve.web.live import LiveRuns

JsonObject = Mapping[str, object]


class Ask(Protocol):
    """Asks the released version of a model, or a named one; the answers are logged like any other."""

    def __call__(
        self,
        model: str,
        rows: Sequence[JsonObject],
        *,
        actor: Actor,
        route: str,
        version: int | None = None,
        copies: Mapping[str, str] | None = None,
    ) -> Sequence[JsonObject]:
        """One answer per row, as the API gives them. Raises SchemaMismatch naming every bad field.

        `copies` are the copies of lookups to be asked, by digest; without it the newest are.
        """


class LookUp(Protocol):
    """Asks the lookups of a model's released version, or of a named one, about rows. Nothing is logged."""

    def __call__(
        self,
        model: str,
        rows: Sequence[JsonObject],
        *,
        actor: Actor,
        version: int | None = None,
        copies: Mapping[str, str] | None = None,
    ) -> Sequence[JsonObject]:
        """By lookup, for each row: `copy`, `made_ms`, `age_seconds` and `values`, which are None without an entry."""


class Score(Protocol):
    """Scores a file and writes the same kind of file with columns added."""

    def __call__(self, model: str, source: Path, target: Path, *, name: str, actor: Actor) -> int:
        """How many rows were scored. `name` is what the sender calls the file; its ending tells the kind."""


class Runs(Protocol):
    """Starts and stops runs of solutions."""

    def start(
        self, solution: str, *, parameters: Mapping[str, object], actor: Actor, cause: str, only: str | None = None
    ) -> str:
        """Queues a run and gives its id; `parameters` are values by `step.name`. Raises Refused for unknown ones.

        With `only` nothing but that step is made, and what it needs.
        """

    def stop(self, run_id: str, *, actor: Actor) -> None:
        """Stops a run that is going on. Raises Conflict for one that has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftingAgain:
    """How it stands with lifting a solution's notebook again."""

    going_on: bool
    said: str = ""
    """What is being done, or what came of it."""
    problems: tuple[str, ...] = ()
    """Both versions of what is in conflict, line by line."""
    conflict: bool = False
    """Whether it has to be said whose version is taken."""
    failed: bool = False
    run: str = ""
    """The run that takes the lift over, once it was put in its place."""


class Lifts(Protocol):
    """Lifts notebooks again, in the background."""

    def start(self, solution: str, notebook: Path, *, keep: Literal["mine", "notebook"] | None, actor: Actor) -> None:
        """Begins to lift a notebook into a solution's folder. Raises Conflict while another is going on."""

    def state(self, solution: str) -> LiftingAgain | None:
        """How it stands; None where nothing was begun since the server was started."""


class StoreKeeper(Protocol):
    """Looks after what is stored; `upkeep.keeper.Keeper` does."""

    @property
    def places(self) -> Places:
        """Where things are kept."""

    def sweep(self, actor: Actor, *, grace: timedelta, dry_run: bool) -> Sweep:
        """Removes what nothing needs and is older than `grace`. Raises Conflict while another sweep goes on."""

    def back_up(self, folder: Path, actor: Actor, *, keeping: Keeping) -> BackupDone:
        """Writes a backup into a folder of this machine. Raises NotAllowed for who is not at its command line."""


@dataclass(frozen=True, slots=True)
class WebSettings:
    """What is set about the pages. Sizes are in bytes."""

    most_form_bytes: int = 2_000_000
    most_file_bytes: int = 250_000_000
    webhooks: UrlRules = field(default_factory=UrlRules)
    """Which addresses webhooks may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Everything a handler may use."""

    database: Database
    blobs: BlobStore
    predictions: PredictionLog
    doorkeeper: Doorkeeper
    sign_in: SignIn
    last_use: LastUse
    templates: Environment
    clock: Clock
    keys: Path
    verifier: Verifier
    ask: Ask
    score: Score
    runs: Runs
    look_up: LookUp | None = None
    """None where no lookups are held."""
    keeper: StoreKeeper | None = None
    """Who looks after what is stored; None where nobody does."""
    keep: Settings = field(default_factory=Settings)
    """What is set about the server: the page of the store says what is kept for how long."""
    lifts: Lifts | None = None
    """None where notebooks cannot be lifted."""
    live: LiveRuns = field(default_factory=LiveRuns)
    settings: WebSettings = field(default_factory=WebSettings)
