"""What a version is packed with beside its estimator: the Schema of requests, the rows it saw, held-out answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from unshelve.data.check import check_dtypes, check_table
from unshelve.data.frames import records
from unshelve.data.profile import learn
from unshelve.data.tables import SINGLE, Table, columns, is_polars, only, take, to_pandas, without
from unshelve.errors import SchemaMismatch, SolutionInvalid, UnshelveError, UserCodeFailed
from unshelve.pipeline.outputs import Context, Outputs
from unshelve.schema.near import near
from unshelve.schema.schema import FieldType, Schema
from unshelve.schema.text import read
from unshelve.serving.answer import as_value
from unshelve.serving.loaded import plain
from unshelve.serving.proof import flat
from unshelve.serving.request_table import schema_from
from unshelve.serving.row_path import RowPath
from unshelve.solution import judging
from unshelve.solution.alike import written
from unshelve.solution.binding import hidden_columns, resolve, row_numbers
from unshelve.solution.files import owned_schemas
from unshelve.solution.keeping import row_hashes
from unshelve.solution.lookup_rows import lookup_fields, unrefused
from unshelve.solution.plain import as_json
from unshelve.solution.predicting import SCORES
from unshelve.solution.probing import columns_missed, columns_that_matter, matters_when_filled, sample_rows
from unshelve.solution.requests import accepted_rows
from unshelve.solution.rowpaths import row_path

MOST_HELD_OUT = 1000
"""Held-out rows that the Proof sends through HTTP."""
EMPTY_ROWS = 50
"""Rows that are tried to see if a column without values would matter."""
BINS = 20
"""Quantile bins of a numeric field in the reference that monitoring compares with."""

Inputs = dict[str, Any]
Parameters = dict[str, Any]


def schema(call: Any, inputs: Inputs, parameters: Parameters, context: Context) -> Outputs:
    """The Schema of a request: the columns that matter, as the rows that the model learns from have them.

    `fillers` is one training row of the columns that do not matter: a request's table is completed with it, so
    that code that names such a column finds it.
    """
    hidden = hidden_columns(parameters["hide"], inputs, parameters["known_later"])
    table = without(inputs[parameters["entry"]], hidden)
    train = take(table, row_numbers(parameters["train"], inputs))
    if not columns(train):
        raise SolutionInvalid(
            f"All columns of {parameters['path']['entry']} are hidden: targets read them, or they are known later.",
            code="nothing-to-ask",
        )
    path, frozen = row_path(parameters, inputs)
    used = columns(train)
    if path.steps:
        used = needed_columns(path, frozen, table, train, inputs, parameters, context)
    if not used:
        raise SolutionInvalid(
            f"No column of {path.entry} changes what {path.output} gives: there is nothing to ask for.",
            code="nothing-to-ask",
        )
    required = parameters.get("required", ())
    learned = requiring(learn(only(train, list(used))), required, parameters["model"])
    if parameters.get("owned"):
        text = owned_schemas(context.folder)[parameters["model"]]
        whole = to_pandas(train).dropna(subset=list(required))
        learned = requiring(owned_schema(text, learned, whole, parameters["model"]), required, parameters["model"])
    unused = [name for name in columns(train) if name not in set(learned.names)]
    constants, fillers = _fillers(train, unused)
    described = learned.to_json()
    described["order"] = [*columns(train)]
    described["polars"] = is_polars(train)
    described["constants"] = constants
    if path.lookups:
        described["lookups"] = lookup_fields(path, frozen, train, context.functions)
    outputs: dict[str, Any] = {
        "schema": as_json(described),
        "reference": as_json(reference(to_pandas(train), learned)),
    }
    outputs["fillers"] = fillers if fillers is not None else {}
    return Outputs(outputs)


def needed_columns(
    path: RowPath,
    frozen: dict[str, Any],
    table: Table,
    train: Table,
    inputs: Inputs,
    parameters: Parameters,
    context: Context,
) -> tuple[str, ...]:
    """The columns that a request must have: those that change what the path gives for any row that is known."""
    functions = context.functions
    used = columns_that_matter(path, take(train, sample_rows(train)), functions, frozen)
    for part in ("fitted", "tested"):
        rows = take(table, row_numbers(parameters[part]["rows"], inputs))
        usual = resolve(parameters[part]["X"], inputs)
        used = (*used, *columns_missed(path, rows, usual, used, functions, frozen))
    refuse_empty(path, frozen, train, used, context)
    return tuple(name for name in columns(train) if name in set(used))


def refuse_empty(path: RowPath, frozen: dict[str, Any], train: Table, used: tuple[str, ...], context: Context) -> None:
    """Raise SchemaMismatch for a column without any value that would matter if it had one: nothing is known of it."""
    some = take(train, np.arange(min(EMPTY_ROWS, len(train))))
    frame = to_pandas(train)
    for name in columns(train):
        if name in used or not frame[name].isna().all():
            continue
        if matters_when_filled(path, some, name, context.functions, frozen):
            raise SchemaMismatch(
                f"The column {name!r} holds no value at all in {len(train):,} training rows, and {path.output} depends "
                "on it.",
                code="column-empty",
                hint="Look at the source; leave the column out if it stays empty.",
                details={"problems": [{"field": name, "problem": "holds no value at all"}]},
            )


def _fillers(train: Table, unused: list[str]) -> tuple[dict[str, Any], pd.DataFrame | None]:
    """One training row of the columns that no answer depends on: as fields with constants, which a request's table is
    built with at once, and, for columns that no Schema can describe, as a table."""
    first = only(take(train, np.zeros(1, dtype=np.int64)), unused) if unused else None
    if first is None:
        return {"fields": [], "row": {}}, None
    plain: dict[str, Any] = {"fields": [], "row": {}}
    odd = []
    for name in unused:
        try:
            learned = learn(only(first, [name]))
            plain["row"].update(records(only(first, [name]), learned)[0])
            plain["fields"].extend(learned.to_json()["fields"])
        except UnshelveError:
            odd.append(name)
    return plain, to_pandas(only(first, odd)) if odd else None


def requiring(learned: Schema, required: Sequence[str], model: str) -> Schema:
    """The Schema in which these fields may not be missing, whatever training rows lack."""
    for name in required:
        if name not in learned.names:
            raise SolutionInvalid(
                f"Model {model} requires {name!r}, and no answer depends on a column of that name.",
                code="required-unknown",
                near=near(name, learned.names),
                hint="Take it out of required=[…], or name a column of the entry that the transforms use.",
            )
    return Schema(tuple(replace(one, missing=False) if one.name in required else one for one in learned.fields))


def owned_schema(text: str, learned: Schema, train: pd.DataFrame, model: str) -> Schema:
    """The Schema that a person owns in schema/MODEL.toml, after checking that it fits the training rows."""
    owned = read(text)
    missing = [name for name in learned.names if name not in owned.names]
    unknown = [name for name in owned.names if name not in train.columns]
    if missing or unknown:
        said = f"lacks {', '.join(missing)}" if missing else f"has {', '.join(unknown)}, which the rows do not"
        raise SchemaMismatch(
            f"schema/{model}.toml {said}.",
            code="owned-schema-mismatch",
            hint=f"Mend the file, or delete it and run `unshelve schema SOLUTION.{model} --own` to write it anew.",
        )
    findings = (*check_table(train, owned), *check_dtypes(train, owned))
    if findings:
        raise SchemaMismatch(
            f"The training rows do not fit schema/{model}.toml: {findings[0]}.",
            code="owned-schema-mismatch",
            details={"problems": [str(finding) for finding in findings[:20]]},
        )
    return owned


def reference(train: pd.DataFrame, learned: Schema) -> dict[str, Any]:
    """What the fields looked like in training: bins fixed here, so that monitoring compares like with like."""
    found: dict[str, Any] = {}
    for field in learned.fields:
        values = train[field.name]
        missing = float(values.isna().mean())
        if field.type in (FieldType.INTEGER, FieldType.FLOAT):
            numbers = values.dropna().to_numpy(dtype=np.float64)
            edges = np.unique(np.quantile(numbers, np.linspace(0, 1, BINS + 1))) if len(numbers) else np.zeros(1)
            counts = np.histogram(numbers, bins=edges)[0] if len(edges) > 1 else np.asarray([len(numbers)])
            found[field.name] = {"edges": edges.tolist(), "counts": counts.tolist(), "missing": missing}
        else:
            shares = {category.value: category.share for category in field.categories}
            found[field.name] = {"shares": shares, "missing": missing}
    return {"rows": len(train), "fields": found}


def heldout(_call: Any, inputs: Inputs, parameters: Parameters, context: Context) -> bytes:
    """Up to 1,000 held-out rows as a caller would send them, each with what training computed, as JSON lines.

    The first line says how many rows were tried and how many the Schema refuses (values that training never had).
    """
    answers = inputs[parameters["predictions"]]
    learned = schema_from(inputs[parameters["schema"]])
    rows = row_numbers(parameters["test"], inputs)
    table = to_pandas(inputs[parameters["entry"]])
    numbers = np.arange(len(table)) if rows is None else rows
    chosen = np.sort(np.random.default_rng(4).permutation(len(numbers))[:MOST_HELD_OUT])
    accepted, sent = accepted_rows(learned, table.take(numbers[chosen])[list(learned.names)].reset_index(drop=True))
    path, frozen = row_path(parameters, inputs)
    if path.lookups:
        hidden = hidden_columns(parameters["hide"], inputs, parameters["known_later"])
        drawn = take(without(inputs[parameters["entry"]], hidden), numbers[chosen[accepted]])
        joined = unrefused(path, frozen, inputs[parameters["schema"]], context.functions, drawn)
        accepted, sent = accepted[joined], [row for row, there in zip(sent, joined, strict=True) if there]
    head: dict[str, float] = {"tried": len(chosen), "refused": len(chosen) - len(accepted), "of": len(numbers)}
    head["tolerance"] = SINGLE if inputs[parameters["evaluation"]]["single"] else SCORES
    lines: list[dict[str, Any]] = [head]
    places = chosen[accepted]
    said = judging.answers_from(answers.iloc[places])
    for place, row, answer in zip(places.tolist(), sent, said, strict=True):
        lines.append({"position": int(numbers[place]), "row": row, "answer": answer})
    return b"\n".join(msgspec.json.encode(line) for line in lines)


def trained_rows(call: Any, inputs: Inputs, parameters: Parameters, context: Context) -> Any:
    """One number per training row, by which a later version knows rows that this one has seen: (n,) uint64, sorted."""
    table = take(inputs[parameters["entry"]], row_numbers(parameters["train"], inputs))
    return np.unique(row_hashes(table))


def endpoint_heldout(function: Callable[..., Any], inputs: Inputs, parameters: Parameters) -> bytes:
    """Held-out rows that all models of an endpoint share, with what the endpoint answers to them, as JSON lines."""
    per_model: dict[str, dict[int, dict[str, Any]]] = {}
    for model, labels in parameters["models"].items():
        lines = inputs[labels["heldout"]].split(b"\n")[1:]
        read_lines = [msgspec.json.decode(line) for line in lines if line]
        per_model[model] = {line["position"]: line for line in read_lines}
    shared = sorted(set.intersection(*(set(lines) for lines in per_model.values())))
    own = {name: sample_value(field) for name, field in parameters["fields"].items()}
    own_values = {name: _READ.get(str(parameters["fields"][name]["type"]), _as_is)(own[name]) for name in own}
    found: list[dict[str, Any]] = []
    left_out: dict[str, None] = {}
    tolerance = 0.0
    for labels in parameters["models"].values():
        tolerance = max(tolerance, msgspec.json.decode(inputs[labels["heldout"]].split(b"\n")[0]).get("tolerance", 0.0))
    for position in shared:
        row: dict[str, Any] = {}
        for lines_of in per_model.values():
            row.update(lines_of[position]["row"])
        said = []
        for version in (1, 2, 1):  # the versions' numbers are not known yet: what depends on them is not compared
            given = {model: as_value(lines_of[position]["answer"], version) for model, lines_of in per_model.items()}
            said.append({"value": plain(function(**given, **own_values, **parameters.get("arguments", {})))})
        first, second, again = map(flat, said)
        odd = next((name for name in {**first, **again} if first.get(name) != again.get(name)), None)
        if odd is not None:
            raise UserCodeFailed(
                f"Endpoint {parameters['endpoint']}{written(function)} gives another {odd.partition('.')[2]} for row "
                f"{position} when it is asked again.",
                code="endpoint-changes",
                hint="Let its answer depend on its parameters alone.",
                details={"step": parameters["endpoint"], "column": odd, "row": position},
            )
        left_out.update(dict.fromkeys(name for name in {**first, **second} if first.get(name) != second.get(name)))
        found.append({"position": position, "row": {**row, **own}, "answer": said[0]})
    head = {"tried": len(shared), "refused": 0, "of": len(shared), "tolerance": tolerance, "left_out": sorted(left_out)}
    return b"\n".join(msgspec.json.encode(line) for line in (head, *found))


def _as_is(value: Any) -> Any:
    return value


_READ: Mapping[str, Callable[[Any], Any]] = {"date": date.fromisoformat, "timestamp": datetime.fromisoformat}
"""From JSON to what an endpoint's function is handed."""

_SAMPLES: Mapping[str, Any] = {
    "boolean": True,
    "integer": 1,
    "float": 1.0,
    "string": "x",
    "date": "2024-01-15",
    "timestamp": "2024-01-15T12:00:00",
}


def sample_value(field: Mapping[str, Any]) -> Any:
    """A value for a request field that no training row has: its default, its first choice, or a plain one."""
    if field.get("optional") and field.get("default") is not None:
        return field["default"]
    if field.get("choices"):
        return field["choices"][0]
    return _SAMPLES.get(str(field.get("type")), "x")
