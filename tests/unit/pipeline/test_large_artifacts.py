"""Large values and datasets as artifacts: through a file, mapped, in parts."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import sparse

from unshelve import Dataset
from unshelve.errors import Damaged, NotFound, StorageFull
from unshelve.pipeline import artifacts
from unshelve.pipeline.artifacts import encode, read_artifact, write_artifact
from unshelve.pipeline.kinds import ArtifactKind, artifact_from_json, parts_of
from unshelve.pipeline.sparse import read_sparse
from unshelve.storage.blobs import FolderBlobs
from unshelve.testing.memory import MemoryBlobs


@pytest.fixture
def blobs(tmp_path: Path) -> FolderBlobs:
    return FolderBlobs(tmp_path)


@pytest.fixture
def all_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts, "LARGE_BYTES", 1)


def back(value: object, blobs: Any) -> Any:
    return read_artifact(write_artifact(value, blobs), blobs, trusted=lambda _: False)


ARRAYS = [
    np.arange(6).reshape(2, 3),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.arange(20)[::3],
    np.array(3.5),
    np.array(["a", "bc"]),
    np.array([(1, 2.0)], dtype=[("a", int), ("b", float)]),
    np.arange(3, dtype=">i4"),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype}{array.shape}")
def test_a_large_array_has_the_bytes_of_a_small_one_and_is_mapped(
    array: Any, blobs: FolderBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = write_artifact(array, blobs)
    monkeypatch.setattr(artifacts, "LARGE_BYTES", 1)
    large = write_artifact(array, blobs)
    found = read_artifact(large, blobs, trusted=lambda _: False)
    assert large == small and type(found) is np.ndarray
    assert found.dtype == array.dtype and not found.flags.owndata
    np.testing.assert_array_equal(found, array)


@pytest.mark.usefixtures("all_is_large")
def test_what_is_written_into_a_mapped_array_never_reaches_the_store(blobs: FolderBlobs) -> None:
    found = back(np.arange(10), blobs)
    found[:] = 7
    np.testing.assert_array_equal(back(np.arange(10), blobs), np.arange(10))


@pytest.mark.usefixtures("all_is_large")
def test_a_large_value_that_was_damaged_is_refused(blobs: FolderBlobs) -> None:
    artifact = write_artifact(np.arange(1_000), blobs)
    path = blobs.path(artifact.digest)
    assert path is not None
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(Damaged, match="not what was written"):
        read_artifact(artifact, blobs, trusted=lambda _: False)
    blobs.delete(artifact.digest)
    with pytest.raises(NotFound):
        read_artifact(artifact, blobs, trusted=lambda _: False)


@pytest.mark.usefixtures("all_is_large")
def test_a_store_without_files_gives_large_values_too() -> None:
    blobs = MemoryBlobs()
    np.testing.assert_array_equal(back(np.arange(10), blobs), np.arange(10))
    assert back(pd.DataFrame({"a": ["x", None]}), blobs).equals(pd.DataFrame({"a": ["x", None]}))


@pytest.mark.usefixtures("all_is_large")
def test_no_room_for_a_large_value_is_said(blobs: FolderBlobs) -> None:
    with pytest.raises(StorageFull, match="nothing was stored"):
        artifacts._through_a_file(_full, blobs)
    assert list(blobs.digests()) == []


def _full(_sink: object) -> None:
    raise OSError(28, "No space left on device")


def _random(form: str, dtype: Any) -> Any:
    made = sparse.random(40, 30, density=0.2, random_state=1, dtype=np.float64)
    return getattr(sparse, form)(made.astype(dtype))


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.bool_, np.complex128, np.int64])
@pytest.mark.parametrize("form", ["csr_matrix", "csr_array", "csc_matrix", "csc_array", "coo_matrix", "coo_array"])
def test_a_sparse_matrix_comes_back_without_a_pickle(
    form: str, dtype: Any, large: bool, blobs: FolderBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifacts, "LARGE_BYTES", 1 if large else 1 << 20)
    matrix = _random(form, dtype)
    artifact = write_artifact(matrix, blobs)
    found: Any = read_artifact(artifact, blobs, trusted=lambda _: False)
    assert artifact.kind is ArtifactKind.SPARSE
    assert artifact.words == f"40 x 30 sparse matrix, {matrix.nnz} values"
    assert (type(found), found.shape, found.dtype) == (type(matrix), matrix.shape, np.dtype(dtype))
    np.testing.assert_array_equal(found.toarray(), matrix.toarray())


def test_equal_sparse_matrices_give_equal_bytes_however_they_are_sorted() -> None:
    sorted_ = sparse.csr_array(([1.0, 2.0, 3.0], [0, 2, 1], [0, 2, 3]), shape=(2, 3))
    turned = sparse.csr_array(([2.0, 1.0, 3.0], [2, 0, 1], [0, 2, 3]), shape=(2, 3))
    doubled = sparse.csr_array(([2.0, 0.5, 0.5, 3.0], [2, 0, 0, 1], [0, 3, 4]), shape=(2, 3))
    assert encode(sorted_).data == encode(turned).data == encode(doubled).data
    assert list(turned.indices) == [2, 0, 1] and doubled.nnz == 4  # what the step holds is left as it is


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (2, 2)])
def test_a_sparse_matrix_without_entries_comes_back(shape: tuple[int, int], blobs: FolderBlobs) -> None:
    found = back(sparse.csr_array(shape, dtype=np.float32), blobs)
    assert found.shape == shape and found.nnz == 0


def test_other_forms_of_sparse_matrices_are_pickled(blobs: FolderBlobs) -> None:
    assert write_artifact(sparse.dok_array((2, 2)), blobs).kind is ArtifactKind.OBJECT


@pytest.mark.parametrize("size", [0, 10, 30, 200, -1])
def test_bytes_that_are_no_sparse_matrix_are_refused(size: int) -> None:
    with pytest.raises(Damaged, match="sparse matrix cannot be read"):
        read_sparse(encode(_random("csr_array", np.float64)).data[:size])


def test_a_stream_is_kept_as_a_dataset_with_its_size_in_words(blobs: FolderBlobs) -> None:
    artifact = write_artifact((pd.DataFrame({"a": [number], "b": ["x"]}) for number in range(1_200)), blobs)
    assert artifact.words == "1,200 x 2 dataset in 1 part"
    assert artifact_from_json(artifact.to_json()) == artifact
    assert artifact.summary["columns"] == [{"name": "a", "type": "int64"}, {"name": "b", "type": "string"}]
    found = read_artifact(artifact, blobs, trusted=lambda _: False)
    assert isinstance(found, Dataset) and list(found.to_pandas()["a"]) == list(range(1_200))
    assert write_artifact(found, blobs) == artifact


@pytest.mark.parametrize(
    "stream",
    [
        lambda: pa.table({"a": [1, 2]}).to_reader(),
        lambda: map(pd.DataFrame, [{"a": [1]}, {"a": [2]}]),
        lambda: Dataset.of(pd.DataFrame({"a": [1, 2]})),
    ],
    ids=["a reader", "a map", "a dataset in memory"],
)
def test_streams_of_other_kinds_give_the_same_dataset(stream: Any, blobs: FolderBlobs) -> None:
    expected = write_artifact((pd.DataFrame({"a": [1, 2]}) for _ in range(1)), blobs)
    assert write_artifact(stream(), blobs) == expected


def test_a_file_read_in_pieces_is_a_stream(tmp_path: Path, blobs: FolderBlobs) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("a,b\n" + "".join(f"{number},x\n" for number in range(100)), encoding="utf-8")
    with pd.read_csv(file, chunksize=7) as pieces:
        assert write_artifact(pieces, blobs).words == "100 x 2 dataset in 1 part"


def test_the_parts_of_a_dataset_are_read_from_its_bytes(blobs: FolderBlobs) -> None:
    artifact = write_artifact(iter_of(pd.DataFrame({"a": [1, 2]})), blobs)
    parts = parts_of(blobs.get(artifact.digest))
    assert len(parts) == 1 and set(blobs.digests()) == {artifact.digest, *parts}
    with pytest.raises(Damaged):
        parts_of(b"[]")


def iter_of(*tables: pd.DataFrame) -> Any:
    yield from tables


@pytest.fixture
def no_file_over_a_megabyte() -> Iterator[None]:
    """As a full disk: the kernel refuses to make a file larger than that."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("no_file_over_a_megabyte")
def test_a_disk_that_fills_in_mid_stream_leaves_no_dataset(blobs: FolderBlobs) -> None:
    chance = np.random.default_rng(0)
    stream = (pd.DataFrame({"a": chance.random(100_000)}) for _ in range(100))
    with pytest.raises(StorageFull, match="no room left for blobs"):
        write_artifact(stream, blobs)
    assert list(blobs.digests()) == []


@pytest.mark.usefixtures("no_file_over_a_megabyte")
def test_a_disk_that_fills_below_a_large_array_leaves_nothing(blobs: FolderBlobs) -> None:
    with pytest.raises(StorageFull):
        write_artifact(np.zeros(artifacts.LARGE_BYTES // 8), blobs)
    assert list(blobs.digests()) == []
