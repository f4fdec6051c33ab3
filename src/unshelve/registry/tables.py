"""The tables of the registry: what exists, what ran, what answers.

Times are ISO 8601 text in UTC (sortable, equal on SQLite and PostgreSQL). JSON columns hold canonical JSON text.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from unshelve.storage.tables import METADATA

solution = Table(
    "solution",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("folder", Text, nullable=False),
    Column("declaration", Text, nullable=False),  # JSON of solution.declaration.Declaration
    Column("findings", Text, nullable=False),  # JSON list
    Column("updated_at", Text, nullable=False),
)

origin = Table(
    "origin",
    METADATA,
    Column("solution", Text, primary_key=True),
    Column("code", Text, primary_key=True),  # digest of all project files, as the declaration and versions have it
    Column("notebook", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("state", Text, nullable=False),  # proven, not-proven, refused, unproven, edited, damaged
    Column("blob", Text, nullable=False),  # JSON of solution.lifted.Origin
)

run = Table(
    "run",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("solution", Text, nullable=False),
    Column("number", Integer, nullable=False),  # 1, 2, 3 … within the solution
    Column("state", Text, nullable=False),  # queued, running, done, failed, stopped, interrupted
    Column("cause", Text, nullable=False),  # one sentence: who or what started it
    Column("actor", Text, nullable=False),
    Column("parameters", Text, nullable=False),  # JSON: step.name -> value
    Column("environment", Text, nullable=False),  # JSON: python, distributions
    Column("graph", Text, nullable=False),  # JSON: the tasks as pages draw them
    Column("queued_at", Text, nullable=False),
    Column("started_at", Text),
    Column("ended_at", Text),
    Column("error", Text),  # one sentence
    Column("only", Text),  # the one step that was wanted; none for a run of the whole
    UniqueConstraint("solution", "number"),
    Index("run_by_time", "solution", "queued_at"),
)

run_step = Table(
    "run_step",
    METADATA,
    Column("run_id", Text, ForeignKey("run.id"), primary_key=True),
    Column("task", Text, primary_key=True),
    Column("position", Integer, nullable=False),  # 0, 1, 2 … in the order in which tasks ended
    Column("state", Text, nullable=False),  # ran, cached, failed, skipped, stopped
    Column("reason", Text, nullable=False),  # why it ran or did not
    Column("key", Text),
    Column("outputs", Text),  # JSON: output name -> artifact
    Column("started_at", Text),
    Column("seconds", Float),
    Column("peak_bytes", BigInteger),
    Column("attempts", Integer, nullable=False),
    Column("log", Text),  # digest of the captured output, or null where there was none
    Column("error", Text),  # JSON: message, step, traceback, input shapes
)

result = Table(
    "result",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("solution", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("outputs", Text, nullable=False),  # JSON: output name -> artifact
    Column("parts", Text, nullable=False),  # JSON: what the key was made of, for explaining
    Column("run_id", Text, nullable=False),
    Column("made_at", Text, nullable=False),
    Index("result_by_task", "solution", "task", "made_at"),
    Index("result_by_time", "solution", "made_at"),
)

metric = Table(
    "metric",
    METADATA,
    Column("run_id", Text, ForeignKey("run.id"), primary_key=True),
    Column("model", Text, primary_key=True),  # full name of the model, or of the solution for metrics of none
    Column("name", Text, primary_key=True),
    Column("value", Float),
    Column("low", Float),
    Column("high", Float),
    Column("rows", Integer),
    Column("higher_is_better", Boolean),
    Column("unit", Text),
    Column("own", Boolean, nullable=False),  # the author's, not the platform's
)

version = Table(
    "version",
    METADATA,
    Column("model", Text, primary_key=True),  # full name: solution.model or solution.endpoint
    Column("number", Integer, primary_key=True),
    Column("solution", Text, nullable=False),
    Column("kind", Text, nullable=False),  # model, endpoint
    Column("manifest", Text, nullable=False),  # digest of the manifest's canonical JSON, a blob
    Column("signature", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("state", Text, nullable=False),  # candidate, refused, accepted, retired, removed
    Column("summary", Text, nullable=False),  # JSON: task, headline metric, baseline, sizes: what lists show
    Column("made_at", Text, nullable=False),
    Index("version_by_solution", "solution", "made_at"),
)

attestation = Table(
    "attestation",
    METADATA,
    Column("manifest", Text, primary_key=True),  # what it speaks of
    Column("kind", Text, primary_key=True),  # proof, gates
    Column("blob", Text, nullable=False),  # digest of its JSON
    Column("signature", Text, nullable=False),
    Column("outcome", Text, nullable=False),  # proven, not-proven, … / passed, failed, undecided
    Column("made_at", Text, nullable=False),
)

release = Table(
    "release",
    METADATA,
    Column("model", Text, primary_key=True),
    Column("champion", Integer, nullable=False),
    Column("changed_at", Text, nullable=False),
)

release_change = Table(
    "release_change",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("model", Text, nullable=False),
    Column("from_version", Integer),
    Column("to_version", Integer),
    Column("verb", Text, nullable=False),  # release, promote, rollback, retire
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("changed_at", Text, nullable=False),
    Index("release_change_by_model", "model", "changed_at"),
)

schedule = Table(
    "schedule",
    METADATA,
    Column("solution", Text, primary_key=True),
    Column("name", Text, primary_key=True),  # the model that is to be retrained
    Column("expression", Text, nullable=False),
    Column("next_at", Text, nullable=False),
    Column("last_at", Text),
)

chart = Table(
    "chart",
    METADATA,
    Column("run_id", Text, ForeignKey("run.id"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("solution", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("artifact", Text, nullable=False),  # JSON of the artifact
)

lookup_copy = Table(
    "lookup_copy",
    METADATA,
    Column("solution", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("made_at", Text, primary_key=True),
    Column("run_id", Text, nullable=False),
    Column("digest", Text),  # of the copy, a table; null where the refresh brought none
    Column("size_bytes", BigInteger),
    Column("rows", BigInteger),
    Column("keys", BigInteger),
    Column("newest", BigInteger),  # microseconds since 1970, or null where entries have no time
    Column("columns", Text, nullable=False),  # JSON: column -> type
    Column("error", Text),  # why there is no copy, one sentence
)

expectation = Table(
    "expectation",
    METADATA,
    Column("run_id", Text, ForeignKey("run.id"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("solution", Text, nullable=False),
    Column("table", Text, nullable=False),
    Column("severity", Text, nullable=False),  # warn, quarantine, stop
    Column("outcome", Text, nullable=False),  # held, warned, set-aside, stopped, broken
    Column("rows", BigInteger),  # null where nothing could be looked at
    Column("failing", BigInteger),
    Column("message", Text, nullable=False),
    Column("report", Text),  # digest of the report, a JSON blob
    Column("aside", Text),  # JSON: parquet, csv -> the artifact with the rows that were set aside
    Column("made_at", Text, nullable=False),
    Index("expectation_by_time", "solution", "name", "made_at"),
)

source_load = Table(
    "source_load",
    METADATA,
    Column("solution", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("number", Integer, primary_key=True),  # 1, 2, 3 … of the source; the next load begins from the newest
    Column("run_id", Text, nullable=False),
    Column("at", Text, nullable=False),
    Column("complete", Boolean, nullable=False),  # all was loaded, not only what was new
    Column("why", Text, nullable=False),
    Column("mark", Text),  # in words
    Column("read_rows", BigInteger, nullable=False),
    Column("added", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("removed", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("columns", Text, nullable=False),  # JSON: name and type of each
    Column("notes", Text, nullable=False),  # JSON: what was changed in reading
    Column("result", Text, nullable=False),  # digest of all rows
    Column("record", Text, nullable=False),  # digest of pipeline.loads.LoadRecord, a blob: its parts are the rows
    Column("artifact", Text, nullable=False),  # JSON of the table's artifact
)

sink_batch = Table(
    "sink_batch",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("solution", Text, nullable=False),
    Column("sink", Text, nullable=False),
    Column("state", Text, nullable=False),  # waiting, running, done, failed
    Column("cause", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("ordered_at", Text, nullable=False),
    Column("run_id", Text),  # the run that made the rows
    Column("rows", Text),  # JSON of the artifact with the rows
    Column("started_at", Text),
    Column("ended_at", Text),
    Column("attempts", Integer, nullable=False),
    Column("done", BigInteger, nullable=False),  # rows that are answered
    Column("total", BigInteger, nullable=False),
    Column("written", BigInteger, nullable=False),
    Column("unchanged", BigInteger, nullable=False),
    Column("refused", BigInteger, nullable=False),
    Column("versions", Text, nullable=False),  # JSON list of numbers
    Column("set_aside", Text, nullable=False),  # JSON: the first rows that were not written, each with why
    Column("place", Text, nullable=False),
    Column("error", Text),
    Column("failures", Integer, nullable=False, server_default="0"),  # of the target, or of what writes by itself
    Column("breaks", Integer, nullable=False, server_default="0"),  # how often in a row it was broken off at one row
    Column("stands_at", BigInteger, nullable=False, server_default="0"),
    Column("stands_since", Text),
    Index("sink_batch_by_sink", "solution", "sink", "id"),
)

webhook = Table(
    "webhook",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("events", Text, nullable=False),  # names with commas between them
    Column("secret", Text, nullable=False),  # the name of the secret that signs
    Column("actor", Text, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("solution", Text),
    Column("disabled", Text),  # why it is told of nothing any more
    Column("failing_since", BigInteger),
    Column("cursor", Text, nullable=False),  # the newest answer that it was told of
)

delivery = Table(
    "delivery",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("webhook", Text, ForeignKey("webhook.id"), nullable=False),
    Column("event", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),  # waiting, delivered, dead
    Column("attempts", Integer, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("next_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("status", Integer),  # what the address answered last
    Column("error", Text),
    Index("delivery_by_state", "state", "next_at"),
    Index("delivery_by_webhook", "webhook", "made_at"),
)
