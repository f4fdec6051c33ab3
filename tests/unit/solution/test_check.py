"""Every finding: planted once, and not there once it is mended."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from unshelve.errors import SolutionInvalid
from unshelve.solution.check import check, not_covered
from unshelve.solution.declaration import Declaration
from unshelve.solution.findings import RULES, refuse

Declare = Callable[[str], Declaration]

CLEAN = '''
@source
def flights():
    """Flights."""

@source
def planes():
    """Planes."""

@step
def built(planes):
    """Years of make."""

@keep
def flown(flights):
    """Flights that arrived."""

@target
def late(flown):
    """Late?"""

@fit
def usual(flown_train):
    """The usual delay."""

@transform
def features(flown, usual, built):
    """What is known."""

@model(split=at_random(test=0.25))
def lateness(features_train, late_train):
    """Will it be late?"""

@answer
def called_late(lateness, threshold=0.5):
    """Late or not."""

@dataclass
class Advice:
    text: str

@endpoint
def advice(lateness, patient: bool = False) -> Advice:
    """What to do."""
'''

MORE = '''
@model(split=by_time("departs"))
def delay(features_train, late_train):
    """How late?"""

@metric
def own(features_test, late_test):
    """Of which model?"""
'''

LOOKUP = '@source(lookup=True, key="k", at="t")\ndef w(): ...\n'

PLANTED: list[tuple[str, str, str, str, str]] = [
    # number, what is replaced, by what, said, advised
    ("U001", "def features(flown, usual,", "def features(flown, usal,", "takes usal, and there is no", "usual"),
    (
        "U001",
        "patient: bool = False",
        "patient: list",
        "takes patient, and there is no",
        "A request field needs a type",
    ),
    ("U002", "def built(planes)", "def built(planes, features)", "wait for each other", ""),
    ("U003", "@keep\n", "@fit\ndef usual(flown_train): ...\n@keep\n", "usual is defined twice", "another name"),
    ("U004", "def lateness(features_train,", "def lateness(usual,", "Model lateness has no rows", "name a source"),
    ("U005", "def features(flown,", "def features(flown, late,", "Transform features takes late, the target", "Leave"),
    ("U005", "def lateness(features_train, late_train)", "def lateness(late_train)", "rows that pass a target", ""),
    ("U006", "def usual(flown_train)", "def usual(flown)", "Fit usual takes flown: it has seen", "Take flown_train, u"),
    ("U006", "def usual(flown_train)", "def usual(flown_test)", "Fit usual takes flown_test", "Take flown_train."),
    ("U006", "def built(planes)", "def built(planes, flights)", "Step built takes flights", "Take flights_train"),
    ("U006", "late_train):", "late_train, late_test):", "Model lateness takes late_test", "Take late_train."),
    ("U007", '"""Years of make."""', 'return open("years.csv")', "built reads years.csv", "Read it in a @source"),
    ("U008", "def features(flown, usual, built)", "def features(flown, usual)", "Nothing takes built", "Use it"),
    ("U009", "def flown(flights)", "def flown(built)", "A request is a row of built", "Turn the step into a source"),
    ("U010", "def lateness(features_train,", "def lateness(features,", "rows it will be judged by", "features_train"),
    ("U010", "features_train, late_train", "features_test, late_test", "rows it will be judged by", "features_train"),
    ("U011", "@dataclass\n", MORE + "@dataclass\n", "the models divide them in 2 ways", "the model that is meant"),
    ("U012", "test=0.25)", 'test=0.25), retrain="@sometimes"', "retrain='@sometimes'", "five cron fields"),
    ("U012", "split=at_random(test=0.25)", 'split="halves"', "split='halves' names no @split step", "by_time"),
    ("U012", "def called_late(lateness,", "def called_late(usual,", "Answer called_late names no model", "first par"),
    ("U013", "def advice(lateness, p", "def advice(p", "Endpoint advice names no model", "be the name of a model"),
    ("U013", "def advice(lateness,", "def advice(lateness, usual,", "takes usual, which is a fit", "typed request"),
    ("U013", " -> Advice", "", "does not say what it returns", "Declare a dataclass"),
    ("U014", "def late(flown)", "def late(usual)", "Target late has no rows", "name a source"),
    ("U015", "usual, built)", "usual, built, planes)", "takes the source planes", "retrain="),
    ("U016", "late_train):", "late_train, other_train):", "takes 2 targets: late, other", "one model for each"),
    ("U016", "@dataclass\n", "@answer\ndef twice(lateness): ...\n@dataclass\n", "two answers, called_late and", "Keep"),
    ("U017", '"""What is known."""', "return date.today()", "depends on what time it is", "a column of the source"),
    ("U017", '"""Late or not."""', "return __import__('x') or hash('a')", "depends on hash()", "column of the source"),
    ("U019", "@dataclass\n", "@metric\ndef accuracy(lateness, late_test): ...\n@dataclass\n", "Metric accuracy has the",
     "own_accuracy"),
    ("U050", "@dataclass\n", "@expect(severity='quarantine')\ndef few(features): ...\n@dataclass\n",
     "few cannot set rows aside of features, which is a transform", "or use severity"),
    ("U050", "@dataclass\n", "@expect(severity='quarantine')\ndef few(flown_train): ...\n@dataclass\n",
     "few cannot set rows aside of flown_train", "Name the whole source"),
    ("U051", "@dataclass\n", "fits = expect('lateness', unique('a'))\n@dataclass\n",
     "fits is about lateness, which is a model and no table", "Name a source"),
    ("U001", "@dataclass\n", "fits = expect('flihgts', unique('a'))\n@dataclass\n",
     "fits takes flihgts, and there is no step", "Did you mean flights"),
    ("U001", "@dataclass\n", "fits = expect('flights', refers_to('plains', 'a'))\n@dataclass\n",
     "fits takes plains, and there is no step", "Did you mean planes"),
    ("U070", "def features(flown, usual, built)", "def features(flown, usual, built: Dataset)",
     "Transform features takes built as a Dataset", "let a @step read the Dataset"),
    ("U070", "def usual(flown_train)", "def usual(flown_train: Dataset)", "those rows are selected in memory",
     "Leave the annotation of flown_train out"),
    ("U070", "def lateness(features_train, late_train)", "def lateness(features_train: 'Dataset', late_train)",
     "it works on rows that are selected in memory", "Leave the annotation of features_train out"),
    ("U080", "@keep\n", "@source(lookup=True)\ndef w(): ...\n@keep\n", "Lookup w has no key", 'key="customer"'),
    ("U080", "@keep\n", LOOKUP.replace(', at="t"', ', stale="1h"') + "@keep\n", "stale= and no at=", "Name the column"),
    ("U080", "@keep\ndef flown(flights)", LOOKUP + "@keep\ndef flown(flights, w)", "Keep flown takes", "Let a @tr"),
    ("U080", "@target\ndef late(flown)", LOOKUP + "@target\ndef late(flown, w)", "Target late takes the", "@tra"),
    ("U080", "@transform\ndef features(flown,", LOOKUP + "@transform\ndef features(w, flown,", "as its rows", "first"),
    ("U080", "@source\ndef flights(", LOOKUP + "@transform\ndef x(flights, w): ...\n@source(known_later=['t'])\n"
     "def flights(", "joined by t, which no request", "known_later"),
    ("U081", "@keep\n", '@source(lookup=True, key="k")\ndef w(): ...\n@keep\n', "the present state only", "history"),
]  # fmt: skip


def text_with(old: str, new: str) -> str:
    text = CLEAN if "other_train" not in new else CLEAN + "\n@target\ndef other(flown): ...\n"
    assert old in text
    return text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("number", "old", "new", "says", "advises"), PLANTED, ids=[f"{each[0]}-{each[2][:24]}" for each in PLANTED]
)
def test_it_is_found_with_its_place_and_its_repair(
    declared: Declare, number: str, old: str, new: str, says: str, advises: str
) -> None:
    found = [each for each in check(declared(text_with(old, new))) if each.number == number]
    assert found, f"{number} was not found"
    assert any(says in each.message and advises in each.repair for each in found), [str(each) for each in found]
    assert all(each.place.file == "solution.py" and each.place.line > 4 for each in found)


def test_nothing_is_found_where_nothing_is_wrong(declared: Declare) -> None:
    assert check(declared(CLEAN)) == ()


def test_every_number_is_planted_here() -> None:
    # planted in test_lifted.py, test_check_sources.py, test_source_loads.py, and beside the sinks
    elsewhere = {"U018", "U040", "U041", "U060", "U061", "U062"}
    assert {each[0] for each in PLANTED} == set(RULES) - elsewhere


def test_an_error_keeps_a_solution_from_running_and_a_warning_does_not(declared: Declare) -> None:
    refuse(check(declared(text_with("def usual(flown_train)", "def usual(flown)"))))
    errors = check(declared(text_with("def lateness(features_train,", "def lateness(features,")))
    with pytest.raises(SolutionInvalid, match=r"solution\.py, line \d+: Model lateness takes features") as caught:
        refuse(errors)
    assert caught.value.subject_code == "finding-U010"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("def usual(flown_train)", "def usual(flown)", "Fit usual takes flown, with rows that the model is judged by"),
        (
            "@keep\ndef flown(flights)",
            "@fit\ndef limit(flights): ...\n@keep\ndef flown(flights, limit)",
            "Fit limit takes flights, with rows that the model is judged by",
        ),
        ("def flown(flights)", "def flown(built)", "A request is a row of built, as built returns it"),
        ('"""What is known."""', "return date.today()", "Transform features depends on what time it is"),
        ('"""What is known."""', 'return open("x.csv")', "Transform features reads x.csv"),
        ('"""Late or not."""', "return date.today()", "Answer called_late depends on what time it is"),
    ],
)
def test_what_the_proof_cannot_speak_of_is_said_of_the_model(declared: Declare, old: str, new: str, says: str) -> None:
    sentences = not_covered(declared(text_with(old, new)), "lateness")
    assert any(sentence.startswith(says) for sentence in sentences)


def test_what_no_transform_leans_on_may_see_all_rows(declared: Declare) -> None:
    text = CLEAN + "\n@fit\ndef average(flown): ...\n@chart\ndef picture(average): ...\n"
    assert check(declared(text)) == ()
    assert not_covered(declared(text), "lateness") == ()
