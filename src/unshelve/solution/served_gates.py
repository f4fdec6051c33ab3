"""The gates that only a served version can be judged by: how fast it answers, and how much room it takes.

Judged here and not with the others, because control holds these figures and loads no numeric library.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from unshelve.serving.proof import Proof


def judge_served(gates: Sequence[Mapping[str, Any]], proof: Proof) -> list[dict[str, Any]]:
    """Verdicts of the latency gates among a model's gates, after the one on the Proof, which is always on."""
    verdicts = [_proven(proof)]
    verdicts.extend(_latency(gate, proof) for gate in gates if gate.get("type") == "MaxLatency")
    return verdicts


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest of the values that at least this share of them does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _proven(proof: Proof) -> dict[str, Any]:
    if proof.outcome == "not-proven":
        said = (
            proof.difference.message
            if proof.difference
            else f"none of {proof.tried:,} held-out rows fits the Schema, so nothing could be asked"
        )
        return _verdict("served answers proven", "failed", said, {})
    same = f"{proof.rows:,} held-out rows answered as in training, each in {len(proof.ways)} ways"
    covered = "" if proof.outcome == "proven" else f"; not covered: {' '.join(proof.not_covered)}"
    return _verdict("served answers proven", "passed", f"{same}{covered}.", {"rows": float(proof.rows)})


def _latency(gate: Mapping[str, Any], proof: Proof) -> dict[str, Any]:
    share, allowed = float(gate["quantile"]), float(gate["milliseconds"])
    name = f"{100 * share:g} % of answers within {allowed:g} ms"
    if not proof.latency_seconds:
        return _verdict(name, "undecided", "No single answer was timed.", {})
    found = 1000 * quantile(proof.latency_seconds, share)
    outcome = "passed" if found <= allowed else "failed"
    count = len(proof.latency_seconds)
    message = f"{100 * share:g} % of {count:,} single answers took at most {found:.2f} ms; {allowed:g} ms are allowed."
    return _verdict(name, outcome, message, {"milliseconds": found, "allowed": allowed, "rows": float(count)})


def _verdict(name: str, outcome: str, message: str, numbers: Mapping[str, float]) -> dict[str, Any]:
    return {"name": name, "outcome": outcome, "message": message, "numbers": dict(numbers)}
