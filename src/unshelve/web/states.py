"""The states that pages show: a word, a colour class and an icon each; never one without the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class State:
    """How a state looks: `tone` is the class (`is-ok`), `icon` the symbol (`i-ok`)."""

    word: str
    tone: str
    icon: str

    def named(self, word: str) -> State:
        """The same look with another word."""
        return State(word, self.tone, self.icon)


OK: Final = State("done", "ok", "ok")
RUNNING: Final = State("running", "running", "running")
CACHED: Final = State("cached", "cached", "cached")
WAITING: Final = State("waiting", "waiting", "waiting")
WARN: Final = State("warning", "warn", "warn")
FAILED: Final = State("failed", "failed", "failed")
IDEA: Final = State("note", "waiting", "idea")

_STEPS: Final = {
    "ran": OK.named("ran"),
    "cached": CACHED,
    "running": RUNNING,
    "failed": FAILED,
    "skipped": WAITING.named("skipped"),
    "stopped": WARN.named("stopped"),
}
_RUNS: Final = {
    "queued": WAITING.named("waits"),
    "running": RUNNING,
    "done": OK,
    "failed": FAILED,
    "stopped": WARN.named("stopped"),
}
_VERSIONS: Final = {
    "candidate": RUNNING.named("candidate"),
    "refused": FAILED.named("refused"),
    "accepted": OK.named("accepted"),
    "retired": CACHED.named("retired"),
    "removed": CACHED.named("removed"),
}
_PROOFS: Final = {
    "proven": OK.named("Proven"),
    "equal": OK.named("Equal within tolerance"),
    "unstable": WARN.named("Unstable"),
    "not-covered": WARN.named("Not covered"),
    "not-proven": FAILED.named("Not proven"),
}
_LIFTS: Final = {
    "proven": OK.named("proven"),
    "not-proven": FAILED.named("not proven"),
    "refused": FAILED.named("refused"),
    "unproven": WAITING.named("no proof yet"),
    "edited": WARN.named("edited since"),
    "damaged": FAILED.named("cannot be read"),
}
_GATES: Final = {
    "passed": OK.named("passed"),
    "failed": FAILED,
    "undecided": WARN.named("undecided"),
}
_SEVERITIES: Final = {
    "error": FAILED.named("error"),
    "warning": WARN,
    "note": IDEA,
}


_EXPECTATIONS: Final = {
    "held": OK.named("holds"),
    "warned": WARN,
    "set-aside": WARN.named("set aside"),
    "stopped": FAILED.named("stopped"),
    "broken": FAILED.named("not checked"),
}


def expectation(outcome: str) -> State:
    """The look of what became of an expectation."""
    return _EXPECTATIONS.get(outcome, WAITING.named(outcome or "not run yet"))


def step(name: str) -> State:
    """The look of a step's state; one that has not begun waits."""
    return _STEPS.get(name, WAITING.named("waits") if name in ("", "waiting", "queued") else WAITING.named(name))


def run(name: str) -> State:
    """The look of a run's state."""
    return _RUNS.get(name, WAITING.named(name))


def version(name: str) -> State:
    """The look of a version's state."""
    return _VERSIONS.get(name, WAITING.named(name))


def proof(outcome: str | None) -> State:
    """The look of a Proof's outcome; none yet waits."""
    if outcome is None:
        return WAITING.named("No Proof yet")
    return _PROOFS.get(outcome, WAITING.named(outcome))


def lift(name: str) -> State:
    """The look of how far the lift of a notebook is proven, as a word in a line."""
    return _LIFTS.get(name, WAITING.named(name))


def lift_seal(name: str) -> State:
    """The same, as the title of the seal."""
    look = lift(name)
    return look.named(look.word[:1].upper() + look.word[1:])


def gate(outcome: str) -> State:
    """The look of a gate's outcome."""
    return _GATES.get(outcome, WAITING.named(outcome))


def severity(name: str) -> State:
    """The look of a finding's severity."""
    return _SEVERITIES.get(name, IDEA.named(name))
