"""A loaded version answers with its own code, state and types, and says whose failure a failure is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from serving_package import CODE, files, held_out, pack
from unshelve.errors import Damaged, SchemaMismatch, UserCodeFailed
from unshelve.models.package import File, Manifest
from unshelve.schema.schema import Field, FieldType, Schema
from unshelve.serving.loaded import LoadedModel, load_endpoint, load_model
from unshelve.storage.blobs import FolderBlobs
from unshelve.testing.memory import MemoryBlobs

ENDPOINT_CODE = """
from dataclasses import dataclass

@dataclass
class Offer:
    text: str
    price: float
    version: int

def offer(amounts, rebate=0.5):
    return Offer("dear" if amounts.value > 20 else "cheap", amounts.value * rebate, amounts.version)
"""


@pytest.fixture
def blobs() -> MemoryBlobs:
    return MemoryBlobs()


def answered(model: LoadedModel, *rows: dict[str, object]) -> list[float]:
    return [float(answer["value"]) for answer in model.answer(model.decoder.decode_rows(list(rows)))]


def test_it_answers_rows_that_lack_what_no_answer_depends_on(blobs: MemoryBlobs) -> None:
    model = load_model(pack(blobs), blobs, version=3)
    assert answered(model, {"a": 1.0, "kind": "x"}, {"a": 4.0, "kind": "y"}) == [9.25, 40.25]
    assert (model.version, model.kind, model.model) == (3, "model", "shop.amounts")


def test_its_answer_step_has_the_arguments_of_its_run(blobs: MemoryBlobs) -> None:
    whole = load_model(
        pack(blobs, answer={"name": "called", "frozen": {}, "arguments": {"digits": 0}}), blobs, version=1
    )
    bare = load_model(pack(blobs, answer=None), blobs, version=1)
    assert answered(whole, {"a": 1.0, "kind": "x"}) == [9.0]
    assert answered(bare, {"a": 1.0, "kind": "x"}) == pytest.approx([9.25])


def test_two_versions_run_their_own_code(blobs: MemoryBlobs) -> None:
    first = load_model(pack(blobs), blobs, version=1)
    second = load_model(pack(blobs, code=CODE.replace("- usual", "- usual - 1")), blobs, version=2)
    row = {"a": 2.0, "kind": "y"}
    assert answered(first, row) != answered(second, row)
    assert answered(first, row) == [18.75]


def test_what_the_schema_does_not_take_never_reaches_the_code(blobs: MemoryBlobs) -> None:
    model = load_model(pack(blobs), blobs, version=1)
    with pytest.raises(SchemaMismatch):
        model.decoder.decode_rows([{"a": 1.0, "kind": "z"}])


def test_code_that_fails_is_reported_as_the_versions(blobs: MemoryBlobs) -> None:
    broken = CODE.replace('rows = rows.drop(columns=["note"])', "raise ValueError('the till is open')")
    model = load_model(pack(blobs, code=broken), blobs, version=4)
    with pytest.raises(UserCodeFailed, match=r"shop\.amounts v4 failed .* ValueError: the till is open"):
        answered(model, {"a": 1.0, "kind": "x"})


def test_code_that_cannot_be_loaded_is_reported_when_it_is_loaded(blobs: MemoryBlobs) -> None:
    with pytest.raises(UserCodeFailed, match=r"shop\.amounts v1 failed when solution\.py was loaded: ModuleNotFound"):
        load_model(pack(blobs, code="import a_package_that_nobody_has"), blobs, version=1)


@pytest.mark.parametrize("path", ["estimator", "schema.json", "state/usual", "fillers", "code/solution.py"])
def test_a_file_whose_bytes_are_others_is_not_loaded(tmp_path: Path, path: str) -> None:
    folder = FolderBlobs(tmp_path)
    manifest = pack(folder)
    place = folder.path(manifest.files[path].digest)
    assert place is not None
    place.chmod(0o600)
    place.write_bytes(place.read_bytes() + b" ")
    with pytest.raises(Damaged):
        load_model(manifest, folder, version=1)


def test_rows_share_a_call_only_where_that_changes_no_bit(blobs: MemoryBlobs) -> None:
    rows = [{"a": float(i) / 7, "kind": "xy"[i % 2]} for i in range(10)]
    manifest = pack(blobs)
    steady = load_model(replace(manifest, files={**manifest.files, "heldout": held_out(blobs, rows)}), blobs, version=1)
    assert steady.together > 1
    assert steady.seconds > 0
    odd = pack(blobs, code=CODE.replace("- usual", "- usual * len(rows)"))
    alone = load_model(replace(odd, files={**odd.files, "heldout": held_out(blobs, rows)}), blobs, version=1)
    assert alone.together == 1


# -- endpoints -----------------------------------------------------------------------------------------------------


def endpoint_of(blobs: MemoryBlobs, pinned: Manifest, code: str = ENDPOINT_CODE) -> Manifest:
    schema = Schema(
        (
            Field(name="a", type=FieldType.FLOAT, dtype="float64"),
            Field(name="kind", type=FieldType.STRING, dtype="str"),
            Field(name="rebate", type=FieldType.FLOAT, dtype="float64", missing=True),
        )
    )
    made: dict[str, File] = files(blobs, {"schema.json": schema.to_json(), "code/solution.py": code.encode()})
    return Manifest(
        model="shop.offer",
        kind="endpoint",
        title="Offer",
        description="",
        files=made,
        models={"amounts": {"number": 1, "manifest": pinned.digest}},
        fields={"rebate": {"type": "float", "optional": True}},
    )


def test_an_endpoint_combines_its_models_answers_with_fields_of_its_own(blobs: MemoryBlobs) -> None:
    model = load_model(pack(blobs), blobs, version=7)
    endpoint = load_endpoint(endpoint_of(blobs, model.manifest), blobs, {"amounts": model}, version=2)
    given = [{"a": 4.0, "kind": "y", "rebate": 1.0}, {"a": 1.0, "kind": "x"}]
    assert endpoint.answer(endpoint.decoder.decode_rows(given)) == [
        {"value": {"text": "dear", "price": 40.25, "version": 7}},
        {"value": {"text": "cheap", "price": 4.625, "version": 7}},
    ]


def test_an_endpoint_over_another_model_than_it_pins_is_damaged(blobs: MemoryBlobs) -> None:
    model = load_model(pack(blobs), blobs, version=1)
    other = load_model(pack(blobs, answer=None), blobs, version=1)
    with pytest.raises(Damaged, match=r"shop\.offer v2 pins another amounts"):
        load_endpoint(endpoint_of(blobs, model.manifest), blobs, {"amounts": other}, version=2)


@pytest.mark.parametrize(
    ("returned", "says"),
    [
        ("None", "returned None, not a dataclass"),
        ("{'text': 'dear'}", "returned a dict, not a dataclass"),
        ("Offer", "returned a type, not a dataclass"),
        ("Offer(object(), 1.0, 1)", "is not JSON"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_what_is_no_answer_is_refused_by_name(blobs: MemoryBlobs, returned: str, says: str) -> None:
    model = load_model(pack(blobs), blobs, version=1)
    code = ENDPOINT_CODE.replace(
        'Offer("dear" if amounts.value > 20 else "cheap", amounts.value * rebate, amounts.version)', returned
    )
    endpoint = load_endpoint(endpoint_of(blobs, model.manifest, code), blobs, {"amounts": model}, version=1)
    with pytest.raises(UserCodeFailed, match=says):
        endpoint.answer(endpoint.decoder.decode_rows([{"a": 4.0, "kind": "y"}]))
