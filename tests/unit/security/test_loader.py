"""The loader: nothing runs before somebody vouches for exactly these bytes."""

from __future__ import annotations

import os
import pickle
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unshelve.errors import Damaged, Refused, Untrusted
from unshelve.ids import digest
from unshelve.security import loader, secrets


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mknod, (str(self.path),)


class Holder:
    def __init__(self, inner: object) -> None:
        self.inner = inner


def always(_: str) -> bool:
    return True


def never(_: str) -> bool:
    return False


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(values)
def test_what_was_stored_comes_back(value: object) -> None:
    data = loader.dumps(value)
    assert loader.load(data, digest=digest(data), trusted=always) == value


def test_bytes_that_nobody_vouches_for_do_not_run(tmp_path: Path) -> None:
    data = pickle.dumps(Touch(tmp_path / "ran"))
    with pytest.raises(Untrusted, match="Nobody vouches"):
        loader.load(data, digest=digest(data), trusted=never)
    assert not (tmp_path / "ran").exists()


def test_other_bytes_under_a_trusted_digest_do_not_run(tmp_path: Path) -> None:
    good = loader.dumps([1, 2, 3])
    evil = pickle.dumps(Touch(tmp_path / "ran"))
    with pytest.raises(Damaged):
        loader.load(evil, digest=digest(good), trusted=lambda given: given == digest(good))
    assert not (tmp_path / "ran").exists()


def test_the_digest_is_what_is_asked_about() -> None:
    data = loader.dumps(1)
    known = {digest(data)}
    assert loader.load(data, digest=digest(data), trusted=known.__contains__) == 1
    with pytest.raises(Untrusted):
        loader.load(data, digest=digest(b"else"), trusted=known.__contains__)


def test_classes_are_looked_up_where_the_caller_says() -> None:
    data = loader.dumps(Holder(5)).replace(b"Holder", b"Olders")

    def find(module: str, name: str) -> object:
        return Holder if name == "Olders" else getattr(__import__(module), name)

    found = loader.load(data, digest=digest(data), trusted=always, find_class=find)
    assert isinstance(found, Holder)
    assert found.inner == 5


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (threading.Lock(), "_thread.lock"),
        ((number for number in range(3)), "generator"),
        ({"a": [Holder(threading.Lock())]}, "_thread.lock"),
        (lambda: None, "function"),
        (Holder(open(os.devnull)), "TextIOWrapper"),  # noqa: PTH123, SIM115
    ],
    ids=["lock", "generator", "deep lock", "lambda", "file"],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_value_that_cannot_be_stored_names_the_type_in_the_way(value: object, named: str) -> None:
    with pytest.raises(Refused, match=named) as caught:
        loader.dumps(value)
    assert caught.value.subject_code == "not-storable"


def test_too_deep_a_value_is_refused_in_words() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(Refused, match="list"):
        loader.dumps(deep)


def test_a_value_that_holds_a_secret_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "_READ", {})
    monkeypatch.setenv("UNSHELVE_SECRET_DB", "swordfish")
    value = secrets.secret("DB")
    with pytest.raises(Refused, match="secret DB"):
        loader.dumps({"url": f"db://{value}"})
    with pytest.raises(Refused, match="secret DB"):
        loader.dumps([value])
