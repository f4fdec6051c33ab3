"""Errors on the wire: what a caller may know, and nothing else."""

from __future__ import annotations

import json

import pytest

from unshelve import errors
from unshelve.errors import Damaged, NotFound, SchemaMismatch, SignInNeeded, TooMany, UnshelveError
from unshelve.wire import RETRY_AFTER, Problem, problem, unexpected


def said(found: Problem) -> dict[str, object]:
    document: dict[str, object] = json.loads(found.body)
    return document


def test_an_error_becomes_a_problem_document() -> None:
    found = problem(NotFound("There is no model x.", code="model-not-found", near=["y"], hint="Look again."))
    assert found.status == 404
    assert said(found) == {
        "type": "urn:unshelve:problem:model-not-found",
        "title": "What was asked for does not exist.",
        "status": 404,
        "code": "model-not-found",
        "detail": "There is no model x.",
        "near": ["y"],
        "hint": "Look again.",
    }


def test_bad_fields_are_listed() -> None:
    problems = [{"row": 0, "field": "wind", "problem": "is missing"}]
    assert said(problem(SchemaMismatch(details={"problems": problems})))["problems"] == problems


def test_other_details_stay_here() -> None:
    found = problem(Damaged("It is damaged.", details={"path": "/home/ada/keys", "digest": "abc"}))
    assert b"ada" not in found.body
    assert found.status == 500


def test_a_failure_of_our_own_says_nothing_about_itself() -> None:
    assert said(unexpected())["detail"] == "Something went wrong in unshelve; the server's log says what."


def test_who_is_not_signed_in_learns_how_to_be() -> None:
    assert dict(problem(SignInNeeded()).headers)["www-authenticate"] == 'Bearer realm="unshelve"'


def test_who_asks_too_often_learns_how_long_to_wait() -> None:
    found = problem(TooMany(details={RETRY_AFTER: 60}))
    assert (found.status, dict(found.headers)["retry-after"]) == (429, "60")


@pytest.mark.parametrize(
    "kind",
    [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, UnshelveError)],
    ids=lambda kind: kind.__name__,
)
def test_every_error_has_a_status_a_code_and_a_sentence(kind: type[UnshelveError]) -> None:
    document = said(problem(kind()))
    assert 400 <= int(str(document["status"])) < 600
    assert str(document["code"]).replace("-", "").isalpha()
    assert str(document["detail"]).endswith(".")
