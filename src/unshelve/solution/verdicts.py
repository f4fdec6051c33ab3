"""What follows from what an expectation found: its sentences, whether the run goes on, and what is written down.

Pure: from the report that a worker made of the table, and from the task's parameters. Control decides by the same
functions as the worker did, and never loads the table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from unshelve.data import timely
from unshelve.data.checks import Check, from_json


def sentences(report: Mapping[str, Any], parameters: Mapping[str, Any], *, now: datetime) -> list[str]:
    """What does not hold, a sentence for each thing."""
    found = [each for each in (*report["checks"], *timely_results(report, parameters, now=now)) if not each["held"]]
    return [f"{each['says']}: {each['message']}" if each["says"] else str(each["message"]) for each in found]


def timely_results(
    report: Mapping[str, Any], parameters: Mapping[str, Any], *, now: datetime
) -> list[dict[str, object]]:
    """What came of the checks of age and of row counts, as the report has the others."""
    checks: list[Check] = [from_json(each) for each in parameters["checks"]]
    said = timely.judge(
        checks, report["facts"], now=now, zone=str(parameters["zone"]), counts=parameters.get("counts", ())
    )
    return [{"says": one.says, "held": one.held, "message": one.message, "failing": 0, "rows": []} for one in said]


def stopped_by(report: Mapping[str, Any], parameters: Mapping[str, Any], said: Sequence[str]) -> str:
    """Why the run may not go on, in a sentence; empty where it may."""
    if not said or parameters["severity"] == "warn":
        return ""
    if parameters["severity"] == "stop":
        return " ".join(said)
    blameless = [one for one in said if one not in _of_rows(report)]
    if blameless:
        return " ".join(blameless)  # nothing can be set aside where no row is to blame
    share = report["failing"] / report["rows"] if report["rows"] else 0.0
    if share > parameters["at_most"] or report["failing"] == report["rows"]:
        most = f"{100 * parameters['at_most']:.3g} %"
        many = f"{report['failing']:,} of {report['rows']:,} rows fail, which is {100 * share:.3g} %; "
        return f"{many}at most {most} may be set aside. {' '.join(said)}"
    return ""


def _of_rows(report: Mapping[str, Any]) -> set[str]:
    return {
        f"{each['says']}: {each['message']}" if each["says"] else str(each["message"])
        for each in report["checks"]
        if each["failing"]
    }
