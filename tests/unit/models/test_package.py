"""A manifest says what a version is: the same content gives the same bytes, and nothing else can be read as one."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from unshelve.errors import Damaged
from unshelve.models.package import FORMAT, File, Manifest, manifest_from

MANIFEST = Manifest(
    model="shop.returns",
    kind="model",
    title="Returns",
    description="Will the customer come back?",
    files={"estimator": File(digest="ab" * 32, size=10, kind="object", code="c0de")},
    path={"entry": "sales", "steps": [], "output": "sales"},
    answer={"name": "surely", "frozen": {}, "arguments": {"threshold": 0.7}},
    signature={"task": "binary", "classes": [False, True]},
    environment={"python": "3.11.2"},
    lineage={"sources": {"sales": "d1"}},
    not_covered=("What lies before.",),
)


def test_a_manifest_comes_back_as_it_went_out() -> None:
    assert manifest_from(MANIFEST.to_bytes()) == MANIFEST


def test_the_same_content_in_another_order_is_the_same_manifest() -> None:
    turned = dict(reversed(list(MANIFEST.signature.items())))
    assert replace(MANIFEST, signature=turned).digest == MANIFEST.digest


def test_any_change_is_another_manifest() -> None:
    other_code = {"estimator": File(digest="ab" * 32, size=10, kind="object", code="0ther")}
    others = [
        replace(MANIFEST, title="Other"),
        replace(MANIFEST, files=other_code),
        replace(MANIFEST, not_covered=()),
        replace(MANIFEST, answer=None),
    ]
    assert len({each.digest for each in (MANIFEST, *others)}) == 5


def test_its_size_is_that_of_its_files() -> None:
    assert MANIFEST.size_bytes == 10


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b'{"model": "a"}', MANIFEST.to_bytes()[:-5]])
def test_what_is_no_manifest_is_damaged(data: bytes) -> None:
    with pytest.raises(Damaged):
        manifest_from(data)


def test_a_manifest_of_a_newer_unshelve_says_so() -> None:
    newer = msgspec.json.decode(MANIFEST.to_bytes())
    newer["format"] = FORMAT + 1
    with pytest.raises(Damaged, match=f"of format {FORMAT + 1}; this unshelve reads up to {FORMAT}"):
        manifest_from(msgspec.json.encode(newer))
