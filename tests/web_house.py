"""A home with one solution in it, put there through the registry, and a browser without a screen.

Nothing was trained: declarations, evaluations and Proofs are written as a run writes them.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import httpx
from starlette.applications import Starlette

from databases import database_of, settle
from predictions_log_files import closed
from unshelve.clock import FakeClock, milliseconds
from unshelve.data.lookups import Lookup
from unshelve.data.spool import SetAside
from unshelve.errors import NotAllowed, SchemaMismatch
from unshelve.ids import canonical_json, new_id
from unshelve.models.package import File, Manifest
from unshelve.pipeline.step import Kind
from unshelve.predictions.query import PredictionLog
from unshelve.predictions.record import Record
from unshelve.predictions.sealed import SealedFiles, SealedSegment
from unshelve.registry import runs
from unshelve.registry.charts import put_charts
from unshelve.registry.lookups import Refresh, add_refresh
from unshelve.registry.metrics import RunMetric, record_metrics
from unshelve.registry.releases import set_champion
from unshelve.registry.runs import RunState, RunStep, StepState
from unshelve.registry.schedules import put_schedules
from unshelve.registry.sinks import BatchState, SinkBatch, add_batch, end_batch
from unshelve.registry.solutions import put_solution
from unshelve.registry.versions import Attestation, add_version, attest, get_version, set_state
from unshelve.registry.webhooks import add_webhook, announce, change_delivery, change_webhook, deliveries
from unshelve.schema.decoder import decoder
from unshelve.schema.schema import Category, Field, FieldType, Schema
from unshelve.security.actors import LOCAL, Actor, ActorKind, Role
from unshelve.security.authenticate import Doorkeeper
from unshelve.security.keys import create_key
from unshelve.security.last_use import LastUse
from unshelve.security.links import create_link
from unshelve.security.sign_in import SignIn
from unshelve.security.signing import Signer
from unshelve.security.users import create_user
from unshelve.solution.declaration import Declaration, Parameter, Place, SinkInfo, StepInfo
from unshelve.solution.files import code_files
from unshelve.solution.lifted import origin_in
from unshelve.solution.running import keep_origin
from unshelve.storage.blobs import FolderBlobs
from unshelve.storage.home import Home
from unshelve.storage.migration import migrate
from unshelve.upkeep.backup import BackupDone, Keeping
from unshelve.upkeep.keeper import Places
from unshelve.upkeep.records import UpkeepKind
from unshelve.upkeep.records import record as record_upkeep
from unshelve.upkeep.sweeping import Sweep
from unshelve.web.app import build
from unshelve.web.render import environment
from unshelve.web.site import JsonObject, Site
from web_expectations import EXPECTED, furnish_expectations

NOW = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
BEGAN = NOW - timedelta(hours=1)
LIFTED = Path(__file__).parent / "lifted" / "solutions" / "trains"
CODE = code_files(LIFTED)[1]
MODEL = "trains.late"
ENDPOINT = "trains.advice"

SCHEMA = Schema(
    (
        Field(
            name="origin",
            type=FieldType.CATEGORY,
            dtype="str",
            categories=tuple(Category(value=name, share=part) for name, part in (("North", 0.6), ("South", 0.4))),
        ),
        Field(name="leaves", type=FieldType.TIMESTAMP, dtype="datetime64[us]"),
        Field(name="wind", type=FieldType.FLOAT, dtype="float64", minimum=0, maximum=78, seen=(0, 60), unit="km/h"),
        Field(name="cars", type=FieldType.INTEGER, dtype="int64", seen=(2, 12)),
        Field(name="express", type=FieldType.BOOLEAN, dtype="bool"),
        Field(name="remark", type=FieldType.STRING, dtype="object", missing=True),
    )
)
WEATHER: Mapping[str, Any] = {
    "key": ["origin"],
    "at": "since",
    "event": "leaves",
    "stale_seconds": 6 * 3600,
    "zone": "Europe/Zurich",
}
GIVEN: Mapping[str, Any] = {
    "columns": {"since": "datetime64[us, UTC]", "gusts": "float64"},
    "required": ["gusts"],
    "fields": Schema(
        (Field(name="gusts", type=FieldType.FLOAT, dtype="float64", seen=(2.0, 96.5), unit="km/h"),)
    ).to_json()["fields"],
}
ROW: Mapping[str, Any] = {
    "origin": "North",
    "leaves": "2026-03-14T17:05:00",
    "wind": 22.0,
    "cars": 8,
    "express": False,
    "remark": None,
}


class NothingSealed:
    """Sealed files of a home in which nothing was sealed yet."""

    def seal(self, segment: Path) -> SealedSegment:
        raise AssertionError(f"{segment} was to be sealed")

    def recent(self, path: str, *, model: str | None, before: str | None, limit: int) -> list[Record]:
        return []

    def find(self, path: str, record_id: str) -> Record | None:
        return None


class Sweeps:
    """Stands for the keeper of the store: says what it was asked and removes nothing."""

    places = Places("unshelve.db", "blobs", "/")

    def sweep(self, actor: Actor, *, grace: timedelta, dry_run: bool) -> Sweep:
        return Sweep(blobs=12, needed=9, young=1, removed=2, freed_bytes=3_400_000, dry_run=dry_run)

    def back_up(self, folder: Path, actor: Actor, *, keeping: Keeping) -> BackupDone:
        if actor.kind is not ActorKind.LOCAL:
            raise NotAllowed
        return BackupDone(name="now", folder=str(folder), blobs=9, size_bytes=9000, added_bytes=9000, rows=40)


@dataclass(slots=True)
class Started:
    """Runs that were asked for."""

    orders: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    run_id: str = ""

    def start(
        self, solution: str, *, parameters: Mapping[str, object], actor: Actor, cause: str, only: str | None = None
    ) -> str:
        self.orders.append((solution, dict(parameters) if only is None else {"only": only}))
        return self.run_id

    def stop(self, run_id: str, *, actor: Actor) -> None:
        self.stopped.append(run_id)


def answer_late(
    model: str,
    rows: Sequence[JsonObject],
    *,
    actor: Actor,
    route: str,
    version: int | None = None,
    copies: Mapping[str, str] | None = None,
) -> Any:
    """Answers as the answer process would: rows are checked against the Schema first."""
    accepted = decoder(SCHEMA).decode_rows(list(rows))
    shown = [{"field": one.field, "problem": one.problem} for one in accepted.warnings(0)]
    said: dict[str, Any] = {"id": new_id(milliseconds(NOW)), "version": 2, "warnings": shown}
    if model == ENDPOINT:
        return [{**said, "value": {"plan": "leave a margin", "chance_of_late": 0.36}}]
    return [{**said, "label": True, "score": 0.36}]


def score_nothing(model: str, source: Path, target: Path, *, name: str, actor: Actor) -> int:
    """A scored file: the file with one column more."""
    lines = source.read_text().splitlines()
    if lines[0].startswith("PK"):
        raise SchemaMismatch(f"{name} is not what its name says.")
    target.write_text("\n".join([f"{lines[0]},late_label", *(f"{line},True" for line in lines[1:])]) + "\n")
    return len(lines) - 1


@dataclass(slots=True, kw_only=True)
class House:
    """A site, its application, and what is needed to act in it."""

    site: Site
    app: Starlette
    signer: Signer
    started: Started
    run_id: str = ""
    predictions: list[str] = field(default_factory=list)

    def browser(self, role: Role | None = Role.OWNER) -> Browser:
        """A browser in which somebody of that role is signed in; None: nobody."""
        browser = Browser(self.app)
        if role is not None:
            with self.site.database.write() as connection:
                user = create_user(connection, f"{role}-{new_id(0)[-6:]}", role, actor=LOCAL, now=NOW)
                secret = create_link(connection, user, actor=LOCAL, now=NOW)
            assert browser.post(f"/sign-in/link/{secret}").status_code == 303
        return browser

    def key(self, role: Role) -> str:
        """An API key of that role."""
        with self.site.database.write() as connection:
            return create_key(connection, "program", role, actor=LOCAL, now=NOW).text


class Browser:
    """Keeps cookies and sends forms with their token, as a browser does."""

    def __init__(self, app: Starlette) -> None:
        self._app = app
        self._cookies = httpx.Cookies()

    def get(self, path: str, **headers: str) -> httpx.Response:
        sent = {"accept": "text/html", **{name.replace("_", "-"): value for name, value in headers.items()}}
        return self.send("GET", path, headers=sent)

    def json(self, path: str) -> Any:
        response = self.send("GET", path, headers={"accept": "application/json"})
        assert response.status_code == 200, response.text
        return response.json()

    def post(
        self, path: str, form: Mapping[str, str] | None = None, *, from_page: str = "", **kw: Any
    ) -> httpx.Response:
        """Sends a form. `from_page` is the page that holds it, whose token goes along."""
        fields = dict(form or {})
        if from_page:
            token = re.search(r'name="csrf" value="([^"]+)"', self.get(from_page).text)
            assert token, f"{from_page} has no form"
            fields["csrf"] = token[1]
        headers = {"accept": "text/html", "origin": "http://house", **kw.pop("headers", {})}
        return self.send("POST", path, data=fields, headers=headers, **kw)

    def send(self, method: str, path: str, **kw: Any) -> httpx.Response:
        async def go() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://house", cookies=self._cookies) as client:
                response = await client.request(method, path, **kw)
                self._cookies = client.cookies
                return response

        return asyncio.run(go())


def a_house(root: Path, *, furnished: bool = True) -> House:
    """A home with the solution `trains`, or an empty one."""
    home = Home.create_or_open(settle(root / "home"))
    database = database_of(home)
    migrate(database)
    clock = FakeClock(NOW)
    signer = Signer.load_or_create(home.keys)
    started = Started()
    files: SealedFiles = NothingSealed()
    site = Site(
        database=database,
        blobs=FolderBlobs(home.blobs),
        predictions=PredictionLog(database, home.predictions, files),
        doorkeeper=Doorkeeper(database),
        sign_in=SignIn(database, clock),
        last_use=LastUse(),
        templates=environment(),
        clock=clock,
        keys=home.keys,
        verifier=signer.verifier(),
        ask=answer_late,
        look_up=look_up,
        score=score_nothing,
        runs=started,
        keeper=Sweeps(),
    )
    house = House(site=site, app=build(site), signer=signer, started=started)
    if furnished:
        _furnish(house, home)
    return house


def _furnish(house: House, home: Home) -> None:
    large = {"versions": 61_000_000, "data": 9_600_000, "results": 15_000_000, "answers": 0, "logs": 400_000}
    small = {"versions": 4_000_000, "data": 2_000_000, "results": 3_100_000, "answers": 2_000_000, "logs": 0}
    costs = [
        {"solution": "trains", "own": 84_000_000, "shared": 2_000_000, "parts": large},
        {"solution": "parcels", "own": 9_100_000, "shared": 2_000_000, "parts": small},
    ]
    with house.site.database.write() as connection:
        counted = {"solutions": costs, "total": 95_100_000}
        record_upkeep(connection, UpkeepKind.COSTS, counted, actor="local", now=NOW)
        swept = {"removed": 12, "freed_bytes": 3_400_000}
        record_upkeep(connection, UpkeepKind.SWEEP, swept, actor="local", now=NOW)
        day = {"swept": True, "runs": 3, "versions": 1, "predictions": 0}
        record_upkeep(connection, UpkeepKind.DAY, day, actor="local", now=NOW)
    declaration = _declaration()
    finding = {
        "number": "U006",
        "severity": "warning",
        "step": "usual",
        "place": {"file": "solution.py", "line": 12},
        "message": "`usual` is learned from the test rows too.",
        "repair": "Write `run_train` for `run`.",
    }
    with house.site.database.write() as connection:
        put_solution(
            connection,
            name="trains",
            title="Late trains",
            description="Will a train arrive late?",
            folder=str(home.root),
            declaration=declaration.to_json().decode(),
            findings=[finding],
            now=NOW.isoformat(),
        )
        keep_origin(connection, house.site.blobs, declaration, origin_in(LIFTED, declaration))
    house.run_id = _run(house)
    house.started.run_id = house.run_id
    _refreshes(house)
    furnish_expectations(house.site.database, house.site.blobs, house.run_id, NOW)
    for number, area in ((1, 0.71), (2, 0.74), (3, 0.76)):
        _version(house, number, area)
    _endpoint(house)
    _answers(house, home)
    _batches(house)
    _told(house)


def _step(
    name: str, kind: Kind, *parameters: str, title: str = "", defaults: Mapping[str, Any] | None = None
) -> StepInfo:
    plain = tuple(Parameter(name=key, has_default=True, default=value) for key, value in (defaults or {}).items())
    return StepInfo(
        name=name,
        kind=kind,
        parameters=(*(Parameter(name=one) for one in parameters), *plain),
        title=title,
        description="",
        place=Place(file="solution.py", line=1),
        code={},
        answer_fields=(("plan", "str"), ("chance_of_late", "float")) if kind is Kind.ENDPOINT else (),
    )


def _declaration() -> Declaration:
    steps = (
        _step("timetable", Kind.SOURCE, title="Trains of last year."),
        EXPECTED,
        _step("run", Kind.KEEP, "timetable"),
        _step("is_late", Kind.TARGET, "run"),
        _step("usual", Kind.FIT, "run"),
        _step("features", Kind.TRANSFORM, "run", "usual"),
        _step(
            "late", Kind.MODEL, "features_train", "is_late_train", title="Will it be late?", defaults={"rounds": 100}
        ),
        _step("by_hour", Kind.CHART, "run", title="Late trains by hour."),
        _step("advice", Kind.ENDPOINT, "late", title="What should a traveller do?"),
        _step("tomorrow", Kind.SOURCE, title="Trains of tomorrow."),
        dataclasses.replace(
            _step("nightly", Kind.SINK, "late", "tomorrow", title="How late tomorrow's trains will be"),
            sink=SinkInfo(
                to={
                    "type": "TableTarget",
                    "table": "train_scores",
                    "connection": "timetable-db",
                    "key": ["train", "day"],
                    "columns": {},
                    "create": False,
                },
                schedule="0 2 * * *",
                changed=True,
            ),
        ),
    )
    weather = replace(
        _step("weather", Kind.SOURCE, title="Wind along the line, hour by hour."),
        lookup=Lookup(key=("origin",), at="since", event="leaves", stale_seconds=6 * 3600, zone="Europe/Zurich"),
        fresh_seconds=3600.0,
        description="since: the beginning of the hour. gusts: km/h.",
    )
    joined = (*steps[:5], weather, _step("features", Kind.TRANSFORM, "run", "usual", "weather"), *steps[6:])
    return Declaration(
        name="trains", title="Late trains", description="", steps=joined, environment={"python": "3.11.7"}, code=CODE
    )


def _refreshes(house: House) -> None:
    """The weather as it was brought hour by hour, once not at all and now and then the same."""
    columns = {"since": "datetime64[us, UTC]", "gusts": "float64"}
    for hours in range(12, -1, -1):
        at = (NOW - timedelta(hours=hours, minutes=4)).isoformat()
        one = Refresh(solution="trains", name="weather", made_at=at, run_id=house.run_id, columns=columns)
        if hours == 5:
            one = replace(one, columns={}, error="weather brought no rows.")
        else:
            newest = int((NOW - timedelta(hours=hours + 1)).timestamp()) * 1_000_000
            digest = ("9" if hours in (2, 3) else f"{hours:x}") * 64
            one = replace(one, digest=digest, size_bytes=412_000, rows=26_115 - hours, keys=3, newest=newest)
        with house.site.database.write() as connection:
            add_refresh(connection, one)


def look_up(
    model: str,
    rows: Sequence[JsonObject],
    *,
    actor: Actor,
    version: int | None = None,
    copies: Mapping[str, str] | None = None,
) -> Sequence[JsonObject]:
    """What the weather of the house gives: some for the North, nothing for the South."""
    values = {"since": "2026-03-14T14:00:00", "gusts": 61.5}
    one = {"copy": "a" * 64, "made_ms": None, "age_seconds": 1200.0}
    return [{"weather": {**one, "values": values if row["origin"] == "North" else None}} for row in rows]


def _run(house: House) -> str:
    site = house.site
    names = ("timetable", "run", "is_late", "usual", "features[late.train]", "late", "by_hour")
    tasks = [
        {"name": name, "title": name.split("[")[0], "kind": kind, "group": name.split("[")[0], "needs": []}
        for name, kind in zip(names, ("source", "keep", "target", "fit", "transform", "model", "chart"), strict=True)
    ]
    drawing = canonical_json(
        {
            "kind": "bar",
            "title": "Evenings are late",
            "x": [f"{h}:00" for h in range(5, 24)],
            "y": list(range(19)),
            "unit": "%",
        }
    )
    artifact = {"digest": site.blobs.put(drawing), "kind": "json", "size_bytes": len(drawing), "summary": {}}
    printed = site.blobs.put(b"reading <b>trains</b>\n" * 30)
    with site.database.write() as connection:
        run = runs.queue(
            connection, solution="trains", cause="the week was over", actor="local", parameters={}, now=BEGAN
        )
        runs.start(connection, run.id, environment={"python": "3.11.7"}, graph=tasks, now=BEGAN)
        rows = []
        for place, name in enumerate(names):
            step = RunStep(
                task=name,
                state=StepState.CACHED if name == "usual" else StepState.FAILED if name == "by_hour" else StepState.RAN,
                reason="it has not run before" if name != "usual" else "its code and `run` are equal",
                outputs={"": artifact} if name == "by_hour" else {},
                started_at=BEGAN + timedelta(seconds=place),
                seconds=0.9,
                peak_bytes=412_000_000,
                attempts=1,
                log=printed if name == "timetable" else None,
                error={
                    "message": "KeyError: 'faa'",
                    "traceback": "solution.py:88",
                    "inputs": {"run": "1,200 x 7 table"},
                }
                if name == "by_hour"
                else None,
            )
            rows.append(runs.step_row(run.id, step, place))
        runs.record(connection, rows)
        runs.end(
            connection,
            run.id,
            RunState.FAILED,
            now=BEGAN + timedelta(seconds=9),
            error="by_hour failed: KeyError: 'faa'",
        )
        record_metrics(
            connection,
            run.id,
            [RunMetric(model=MODEL, name="saved", value=1.22, low=1.1, high=1.3, unit="USD", own=True)],
        )
        put_charts(connection, run.id, "trains", [("by_hour", "Late trains by hour.", artifact)])
    return run.id


def evaluation(area: float) -> dict[str, Any]:
    """An evaluation as solution.judging writes it."""
    rates = [step / 50 for step in range(51)]
    bins = [
        {"said": s / 10, "came_true": s / 10, "low": s / 10 - 0.05, "high": s / 10 + 0.05, "n": 200}
        for s in range(1, 9)
    ]
    metric = {
        "value": area,
        "low": area - 0.01,
        "high": area + 0.01,
        "n": 1000,
        "higher_is_better": True,
        "unit": "share",
    }
    return {
        "task": "binary",
        "signature": {"task": "binary", "classes": [False, True], "scores": "probability"},
        "rows": {"train": 3000, "test": 1000},
        "metrics": [
            {"name": "roc_auc", **metric},
            {
                **metric,
                "name": "log_loss",
                "value": 1 - area,
                "low": 0.9 - area,
                "high": 1.1 - area,
                "higher_is_better": False,
            },
        ],
        "baselines": [
            {"name": "majority", "says": "always False", "metrics": [{"name": "roc_auc", **metric, "value": 0.5}]}
        ],
        "headline": "roc_auc",
        "split": "25 % of the rows",
        "pictures": {
            "roc": {"x": rates, "y": [math.sqrt(rate) for rate in rates], "threshold": [None] * 51},
            "calibration": bins,
            "confusion": {"classes": ["False", "True"], "counts": [[700, 50], [100, 150]]},
            "precision_recall": {"x": rates, "y": [1 - rate / 2 for rate in rates], "threshold": [None] * 51},
        },
        "importance": [
            {"column": "leaves", "metric": "roc_auc", "mean": 0.08, "least": 0.07, "most": 0.09},
            {"column": "wind", "metric": "roc_auc", "mean": 0.01, "least": 0.0, "most": 0.02},
        ],
    }


def _stored(house: House, value: Any) -> File:
    data = value if isinstance(value, bytes) else canonical_json(value)
    return File(digest=house.site.blobs.put(data), size=len(data), kind="json")


def _version(house: House, number: int, area: float) -> None:
    held = [{"tried": 2, "refused": 0, "of": 2}] + [
        {"position": n, "row": {**ROW, "cars": n}, "answer": {"label": True, "score": 0.36}} for n in (3, 4)
    ]
    files = {
        "schema.json": _stored(house, {**SCHEMA.to_json(), "lookups": {"weather": GIVEN}}),
        "evaluation.json": _stored(house, evaluation(area)),
        "heldout": _stored(house, b"\n".join(json.dumps(line).encode() for line in held)),
    }
    manifest = Manifest(
        model=MODEL,
        kind="model",
        title="Will it be late?",
        description="",
        files=files,
        path={"entry": "timetable", "steps": [], "output": "timetable", "lookups": {"weather": WEATHER}},
        environment={"scikit-learn": "1.7"},
        lineage={"sources": {"timetable": "table:" + "a" * 64}, "code": CODE, "split": "25 %", "area": area},
    )
    head = evaluation(area)["metrics"][0]
    summary = {
        "task": "binary",
        "headline": head,
        "baseline": {"name": "majority", "value": 0.5},
        "size_bytes": 4_000_000,
    }
    _add(house, MODEL, "model", manifest, summary, number)


def _endpoint(house: House) -> None:
    with house.site.database.read() as connection:
        pinned = get_version(connection, MODEL, 2).manifest
    manifest = Manifest(
        model=ENDPOINT,
        kind="endpoint",
        title="What should a traveller do?",
        description="",
        files={"schema.json": _stored(house, SCHEMA.to_json())},
        models={"late": {"number": 2, "manifest": pinned}},
        not_covered=("What `timetable` does lies before the request.",),
    )
    _add(house, ENDPOINT, "endpoint", manifest, {"task": "endpoint"}, 1)


def _add(
    house: House,
    model: str,
    kind: Literal["model", "endpoint"],
    manifest: Manifest,
    summary: dict[str, Any],
    number: int,
) -> None:
    site, data = house.site, manifest.to_bytes()
    gates = {"verdicts": [{"name": "roc_auc at least 0.7", "outcome": "passed", "message": "it is 0.74"}]}
    outcome = "not-covered" if manifest.not_covered else "proven"
    ways = {way: {"proven": 990, "equal": 10, "different": 0} for way in ("one at a time", "in batches", "shuffled")}
    proof = {
        "outcome": outcome,
        "rows": 1000,
        "tried": 1000,
        "refused": 3,
        "ways": ways,
        "values": {"proven": 2970, "equal": 30, "different": 0},
        "not_covered": list(manifest.not_covered),
        "latency_seconds": [0.001, 0.002],
        "proved_at": NOW.isoformat(),
    }
    with site.database.write() as connection:
        added, _ = add_version(
            connection,
            model=model,
            kind=kind,
            manifest=site.blobs.put(data),
            signature=house.signer.sign(data),
            run_id=house.run_id,
            summary=summary,
            now=(NOW - timedelta(days=10 - number)).isoformat(),
        )
        for name, document, said in (("gates", gates, "passed"), ("proof", proof, outcome)):
            blob = site.blobs.put(canonical_json(document))
            attest(
                connection,
                Attestation(
                    manifest=added.manifest,
                    kind="gates" if name == "gates" else "proof",
                    blob=blob,
                    signature="s",
                    outcome=said,
                    made_at=NOW.isoformat(),
                ),
            )
        set_state(connection, model, number, "accepted")
        if number < 3:
            set_champion(
                connection,
                model,
                number,
                verb="release" if number == 1 else "promote",
                actor=LOCAL,
                reason="holds in spring too",
                now=NOW - timedelta(days=10 - number),
            )


def _batches(house: House) -> None:
    """Three batches of the sink: one that failed, one that wrote all, and the newest, which left two rows out."""
    site = house.site
    failed = "The table train_scores of timetable-db has no column 'score'."
    said = (
        SetAside(row=17, key="train = 4711, day = 2026-03-15", problem="wind: must be at most 78"),
        SetAside(row=230, key="train = 12, day = 2026-03-15", problem="its key stands in row 229 already"),
    )
    with site.database.write() as connection:
        put_schedules(connection, "trains", {"nightly": ("0 2 * * *", NOW + timedelta(hours=11))})
        for days, state in ((3, BatchState.FAILED), (2, BatchState.DONE), (1, BatchState.DONE)):
            at = NOW - timedelta(days=days)
            batch = SinkBatch(
                id=new_id(milliseconds(at)),
                solution="trains",
                sink="nightly",
                state=BatchState.WAITING,
                cause="the schedule of nightly: daily at 02:00",
                actor="local",
                ordered_at=at.isoformat(),
                started_at=at.isoformat(),
                run_id=house.run_id,
            )
            add_batch(connection, batch)
            left_out = said if days == 1 else ()
            values: dict[str, object] = {
                "total": 41_200,
                "done": 41_200,
                "written": 1_337 if days == 1 else 41_200,
                "unchanged": 39_861 if days == 1 else 0,
                "refused": len(left_out),
                "versions": [2],
                "set_aside": left_out,
                "place": "table train_scores of timetable-db",
            }
            told = {"error": failed} if state is BatchState.FAILED else values
            end_batch(connection, batch, state, now=at + timedelta(seconds=8.3), **told)


def _told(house: House) -> None:
    """Two webhooks: one that works, one whose receiver is gone, with a delivery that was set aside."""
    site = house.site
    with site.database.write() as connection:
        works = add_webhook(
            connection,
            "https://hooks.example.com/trains",
            ["release", "sink-failed"],
            secret="WEBHOOK_TRAINS",
            actor="olga",
            solution="trains",
            now=NOW - timedelta(days=3),
        )
        gone = add_webhook(
            connection,
            "https://old.example.org/a/rather/long/path/that/names/a/flow/8f14e45fceea167a5a36dedd4bea2543",
            ["run-failed"],
            secret="WEBHOOK_OLD",
            actor="olga",
            solution=None,
            now=NOW - timedelta(days=9),
        )
        announce(connection, "release", MODEL, {"model": MODEL, "to": 2}, now=NOW - timedelta(hours=4))
        announce(connection, "run-failed", "trains#1", {"run": house.run_id}, now=NOW - timedelta(hours=1))
        announce(connection, "sink-failed", "trains.nightly", {"sink": "trains.nightly"}, now=NOW)
        for one in deliveries(connection):
            if one.webhook == gone.id:
                change_delivery(
                    connection, one.id, state="dead", attempts=9, status=410, error="It answered 410.", ended_at=1
                )
            elif one.event == "release":
                change_delivery(connection, one.id, state="delivered", attempts=1, status=204, ended_at=1)
            else:
                later = milliseconds(NOW + timedelta(minutes=2))
                said = "https://hooks.example.com did not answer (ConnectTimeout)."
                change_delivery(connection, one.id, attempts=2, error=said, next_at=later)
        change_webhook(connection, gone.id, disabled="The address answered 410: it wants nothing more.")
        change_webhook(connection, works.id, failing_since=milliseconds(NOW))


def _looked_up(number: int) -> JsonObject:
    found = "stale" if number % 20 == 7 else "none" if number == 30 else "entry"
    return {"copy": "a" * 64, "age_seconds": 600.0 + number * 30, "found": found}


def _answers(house: House, home: Home) -> None:
    records = []
    for number in range(60):
        at = milliseconds(NOW - timedelta(hours=number))
        records.append(
            Record(
                id=new_id(at),
                time=at,
                model=MODEL,
                version=2,
                actor="somebody",
                route="form",
                row=canonical_json(ROW),
                answer=canonical_json(
                    {"id": "x", "version": 2, "label": number % 3 == 0, "score": 0.36, "warnings": []}
                ),
                seconds=0.004,
                lookups=canonical_json({"weather": _looked_up(number)}),
            )
        )
    closed(home.predictions, sorted(records, key=lambda one: one.id))
    house.predictions = [one.id for one in records]
