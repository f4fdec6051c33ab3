"""A version's Proof and gates in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from unshelve.registry.versions import Attestation, Version
from unshelve.web import states
from unshelve.web.charts import small
from unshelve.web.evidence import GateVerdict, ProofDocument
from unshelve.web.views.model import VerdictRow
from unshelve.web.views.parts import GateResult, ProofSummary
from unshelve.web.wording import count, duration, exact, instant, plural, words

_MEASURES: Final = frozenset(
    {"roc_auc", "roc_auc_ovr", "log_loss", "average_precision", "balanced_accuracy", "f1_macro", "median_ae"}
    | {"mae", "rmse", "r2", "f1"}
)
"""Names of the platform's measures that are not words yet."""


def proof_summary(
    full_name: str, version: Version, proof: ProofDocument | None, attested: Attestation | None
) -> ProofSummary:
    """The card of a Proof."""
    if proof is None or attested is None:
        why = "It was refused before it was served." if version.state == "refused" else "It was not asked yet."
        return ProofSummary(state=states.proof(None), sentence=why)
    proven, equal, different = (proof.values.get(name, 0) for name in ("proven", "equal", "different"))
    missing = len(proof.not_covered)
    return ProofSummary(
        state=states.proof(proof.outcome),
        sentence=_sentence(version, proof),
        proven=proven,
        equal=equal,
        different=different,
        not_covered=missing,
        href=f"/models/{full_name}/versions/{version.number}#proof",
        signed_at=instant(attested.made_at),
        digest=attested.blob,
        bar=small.verdict_bar((proven, equal, different, missing)),
    )


def verdict_rows(proof: ProofDocument | None) -> tuple[VerdictRow, ...]:
    """The certificate of a Proof line by line: each way of asking, the first difference, what is not covered."""
    if proof is None:
        return ()
    rows = [_way(name, counts, proof.rows) for name, counts in proof.ways.items()]
    if proof.refused:
        rows.append(
            VerdictRow(
                value="Rows that the Schema refuses",
                compared=f"{count(proof.refused)} of {count(proof.tried)} held-out rows",
                state=states.WAITING.named("not asked"),
                note="They hold values that training has not seen, such as a new category.",
            )
        )
    if proof.difference is not None:
        one = proof.difference
        place = f"step {one.step}, column {one.column}, " if one.step else ""
        rows.append(
            VerdictRow(
                value=f"{one.value} of row {one.position}",
                compared=f"training computed {exact(one.trained)}, the served version answered {exact(one.served)}",
                state=states.FAILED.named("different"),
                note=f"{place}asked {one.way}",
            )
        )
    rows += [
        VerdictRow(value="Before the request", compared=said, state=states.WARN.named("not covered"), note="")
        for said in proof.not_covered
    ]
    if proof.latency_seconds:
        ordered = sorted(proof.latency_seconds)
        middle, late = ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
        rows.append(
            VerdictRow(
                value="Answer time of one row",
                compared=f"p50 {duration(middle)}, p99 {duration(late)} over HTTP",
                state=states.OK.named("measured"),
                note=f"{plural(len(ordered), 'request')}, one at a time",
            )
        )
    return tuple(rows)


def gate_results(verdicts: Sequence[GateVerdict]) -> tuple[GateResult, ...]:
    """The gates as a card lists them."""
    return tuple(
        GateResult(
            name=_gate_name(one.name),
            state=states.gate(one.outcome),
            sentence=_in_words(one.message),
        )
        for one in verdicts
    )


def gates_title(verdicts: Sequence[GateVerdict]) -> str:
    """How many gates passed."""
    passed = sum(1 for one in verdicts if one.outcome == "passed")
    return f"{passed} of {plural(len(verdicts), 'gate')} passed" if verdicts else "Gates"


def _sentence(version: Version, proof: ProofDocument) -> str:
    asked = f"{plural(proof.rows, 'held-out row')}, asked one by one, in batches and shuffled."
    if proof.outcome == "not-proven":
        return f"v{version.number} does not answer over HTTP what training computed. {asked}"
    if not proof.rows:
        return f"v{version.number} could not be asked about held-out rows."
    return f"v{version.number} answers over HTTP what training computed. {asked}"


def _way(name: str, counts: Mapping[str, int], rows: int) -> VerdictRow:
    different, equal = counts.get("different", 0), counts.get("equal", 0)
    total = sum(counts.values())
    state = states.OK.named("proven")
    if different:
        state = states.FAILED.named("different")
    elif equal:
        state = states.OK.named("equal within tolerance")
    return VerdictRow(
        value=f"Rows over HTTP, {name}",
        compared=f"{count(total - different)} of {plural(total, 'value')} equal",
        state=state,
        note=f"{plural(rows, 'row')}{f'; {count(equal)} within tolerance' if equal else ''}",
    )


def _gate_name(name: str) -> str:
    """A gate's own name with its metric in words: `roc_auc at least 0.7` is `ROC AUC at least 0.7`."""
    said = _in_words(name)
    return said[:1].upper() + said[1:]


def _in_words(text: str) -> str:
    """A sentence with the names of measures in words."""
    return " ".join(words(part) if part in _MEASURES else part for part in text.split(" "))
