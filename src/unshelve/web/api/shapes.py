"""What the API answers, as types: the same types describe it in OpenAPI."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec


class Struct(msgspec.Struct, frozen=True, kw_only=True):
    """What all shapes share: immutable, fields by name."""


class SolutionShape(Struct, frozen=True, kw_only=True):
    """A solution."""

    name: str
    title: str
    description: str
    models: list[str]
    """Full names of its models and endpoints."""
    last_run: str | None = None
    """Id of its newest run."""


class StepShape(Struct, frozen=True, kw_only=True):
    """A step as the solution file declares it."""

    name: str
    kind: str
    title: str
    inputs: list[str]


class FindingShape(Struct, frozen=True, kw_only=True):
    """A numbered remark on the solution file."""

    number: str
    severity: str
    message: str
    repair: str
    file: str
    line: int


class SolutionDetails(SolutionShape, frozen=True, kw_only=True):
    """A solution with its steps and findings."""

    steps: list[StepShape]
    findings: list[FindingShape]


class RunShape(Struct, frozen=True, kw_only=True):
    """A run."""

    id: str
    solution: str
    number: int
    state: str
    cause: str
    actor: str
    queued_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error: str | None = None


class TaskShape(Struct, frozen=True, kw_only=True):
    """A task of a run: what became of it and why."""

    name: str
    title: str
    kind: str
    step: str
    state: str
    reason: str = ""
    started_at: datetime | None = None
    seconds: float | None = None
    peak_bytes: int | None = None
    attempts: int = 0
    error: str | None = None


class MetricShape(Struct, frozen=True, kw_only=True):
    """A measured value with its 95 % interval."""

    model: str
    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    rows: int | None = None
    unit: str | None = None
    own: bool = False


class RunDetails(RunShape, frozen=True, kw_only=True):
    """A run with its tasks, measures and the versions that it made."""

    tasks: list[TaskShape]
    metrics: list[MetricShape]
    versions: list[str]


class RunStarted(Struct, frozen=True, kw_only=True):
    """A run that was queued."""

    id: str


class RunParameters(Struct, frozen=True, kw_only=True):
    """What a run may be started with."""

    parameters: dict[str, Any] = {}
    """Values by `step.name`; what is left out is as declared."""
    cause: str = ""


class VersionShape(Struct, frozen=True, kw_only=True):
    """A version of a model or endpoint."""

    model: str
    number: int
    kind: str
    state: str
    made_at: datetime
    run_id: str
    manifest: str
    """The sha256 of its signed manifest."""
    proof: str | None = None
    gates: str | None = None


class VersionDetails(VersionShape, frozen=True, kw_only=True):
    """A version with its evaluation, its gates and its Proof."""

    champion: bool
    evaluation: dict[str, Any] | None = None
    gate_verdicts: list[dict[str, Any]] = []
    proof_document: dict[str, Any] | None = None
    request_schema: dict[str, Any] = {}
    files: dict[str, str] = {}
    """sha256 by path."""


class ModelShape(Struct, frozen=True, kw_only=True):
    """A model or endpoint."""

    name: str
    kind: str
    description: str
    champion: int | None = None
    newest: int | None = None
    predict: str = ""
    """Where it is asked."""


class ReleaseShape(Struct, frozen=True, kw_only=True):
    """One change of what answers."""

    verb: str
    from_version: int | None
    to_version: int | None
    actor: str
    reason: str
    changed_at: datetime


class ModelDetails(ModelShape, frozen=True, kw_only=True):
    """A model with its versions and its champion history."""

    versions: list[VersionShape]
    history: list[ReleaseShape]


class Promotion(Struct, frozen=True, kw_only=True):
    """Which version is to answer, and why."""

    version: int
    reason: str


class Reason(Struct, frozen=True, kw_only=True):
    """Why something is done."""

    reason: str


class PredictionShape(Struct, frozen=True, kw_only=True):
    """One logged answer."""

    id: str
    at: datetime
    model: str
    version: int
    actor: str
    route: str
    seconds: float
    row: dict[str, Any]
    answer: dict[str, Any]


class KeyShape(Struct, frozen=True, kw_only=True):
    """An API key without its secret."""

    id: str
    name: str
    role: str
    created: datetime
    expires: datetime | None = None
    last_used: datetime | None = None
    revoked: datetime | None = None


class NewKeyShape(Struct, frozen=True, kw_only=True):
    """A key just made, shown this once."""

    id: str
    key: str


class KeyOrder(Struct, frozen=True, kw_only=True):
    """What key is to be made."""

    name: str
    role: str = "user"
    days: int | None = None


class UserShape(Struct, frozen=True, kw_only=True):
    """A person who may sign in."""

    id: str
    name: str
    role: str
    disabled: bool
    created: datetime
    last_sign_in: datetime | None = None


class UserOrder(Struct, frozen=True, kw_only=True):
    """Who is to be invited."""

    name: str
    role: str = "viewer"


class LinkOrder(Struct, frozen=True, kw_only=True):
    """How long a sign-in link is to work."""

    minutes: Annotated[int, msgspec.Meta(ge=1, le=3 * 24 * 60)] = 3 * 24 * 60


class RoleOrder(Struct, frozen=True, kw_only=True):
    """Which role a person is to have."""

    role: str


class InvitationShape(Struct, frozen=True, kw_only=True):
    """A link that lets a person in once, shown this once."""

    id: str
    name: str
    role: str
    link: str
    expires: datetime


class SecretOrder(Struct, frozen=True, kw_only=True):
    """A secret to be kept."""

    value: str


class SecretShape(Struct, frozen=True, kw_only=True):
    """A secret that is kept, without its value."""

    name: str


class AuditShape(Struct, frozen=True, kw_only=True):
    """An entry of the audit chain."""

    number: int
    at: datetime
    actor: str
    kind: str
    action: str
    subject: str
    details: dict[str, Any]
    digest: str


class CostShape(Struct, frozen=True, kw_only=True):
    """What one solution keeps stored, in bytes."""

    solution: str
    own: int
    """Needed by it alone."""
    shared: int
    """Needed by others as well; stored once."""
    parts: dict[str, int]
    """Versions, data, results, answers, logs."""


class StorageShape(Struct, frozen=True, kw_only=True):
    """What is stored and where, as it was last counted."""

    database: str
    blobs: str
    counted_at: datetime | None
    total: int
    """Bytes of everything together."""
    solutions: list[CostShape]
    last: dict[str, datetime]
    """When each kind of upkeep was last done: sweep, retention, backup, costs, day."""


class SweepOrder(Struct, frozen=True, kw_only=True):
    """A sweep: with `dry_run` it only says what it would remove."""

    dry_run: bool = False
    grace_seconds: float = 86_400.0
    """What is younger is left alone."""


class SweepShape(Struct, frozen=True, kw_only=True):
    """What a sweep found and removed."""

    blobs: int
    needed: int
    young: int
    removed: int
    freed_bytes: int
    dry_run: bool


class BackupOrder(Struct, frozen=True, kw_only=True):
    """A backup into a folder of the server. `keep` and `keep_days` say which earlier ones stay; the new one does."""

    folder: str
    keep: int | None = None
    keep_days: float | None = None


class BackupShape(Struct, frozen=True, kw_only=True):
    """A backup that was written."""

    name: str
    folder: str
    blobs: int
    size_bytes: int
    added_bytes: int
    rows: int
    missing: list[str]
    """What the home has lost already, and the backup lacks."""
    removed: list[str]
    """Earlier backups that were kept no longer."""
    freed_bytes: int
