from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unshelve import Dataset
from unshelve.data import dataset as reading
from unshelve.data import dataset_parts
from unshelve.data.dataset import dataset_from, stored_dataset, write_dataset
from unshelve.data.dataset_parts import Part
from unshelve.data.table_streams import batches_of
from unshelve.errors import Damaged, NotFound, Refused
from unshelve.storage.blobs import FolderBlobs


@pytest.fixture
def blobs(tmp_path: Path) -> FolderBlobs:
    return FolderBlobs(tmp_path / "blobs")


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset_parts, "BLOCK_BYTES", 1_000)


def ratings(rows: int, begin: int = 0) -> pd.DataFrame:
    numbers = np.arange(begin, begin + rows)
    return pd.DataFrame(
        {
            "user": (numbers * 7 % 1_000).astype(np.int32),
            "stars": (numbers % 5 + 1).astype(np.int8),
            "said": [None if number % 3 else "x" * (number % 11) for number in numbers],
        }
    )


def pieces(table: pd.DataFrame, size: int) -> Iterator[pd.DataFrame]:
    for begin in range(0, len(table), size):
        yield table.iloc[begin : begin + size]


def of_parts(blobs: FolderBlobs, table: pa.Table, **changes: Any) -> Dataset:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    data = sink.getvalue().to_pybytes()
    part = {"digest": blobs.put(data), "rows": table.num_rows, "size_bytes": len(data), **changes}
    return stored_dataset(table.schema, [Part(**part)], blobs)


@pytest.mark.usefixtures("small_parts")
@settings(max_examples=30, deadline=None)
@given(rows=st.integers(1, 4_000), size=st.integers(1, 5_000), other=st.integers(1, 5_000))
def test_equal_rows_give_equal_parts_however_they_were_cut(
    tmp_path_factory: pytest.TempPathFactory, rows: int, size: int, other: int
) -> None:
    blobs = FolderBlobs(tmp_path_factory.mktemp("blobs"))
    table = ratings(rows)
    one, two = (write_dataset(pieces(table, cut), blobs) for cut in (size, other))
    assert one.manifest() == two.manifest()
    pd.testing.assert_frame_equal(one.to_pandas(), pa.Table.from_pandas(table).to_pandas())


@pytest.mark.usefixtures("small_parts")
def test_appended_rows_use_every_full_part_again_and_are_as_if_written_at_once(blobs: FolderBlobs) -> None:
    earlier = write_dataset(pieces(ratings(10_000), 700), blobs)
    before = set(blobs.digests())
    longer = earlier.appended([ratings(500, 10_000)])
    assert longer.manifest() == write_dataset(pieces(ratings(10_500), 900), blobs).manifest()
    assert len(earlier.parts) > 10 and longer.parts[: len(earlier.parts) - 1] == earlier.parts[:-1]
    added = set(blobs.digests()) - before
    assert len(added) <= 2 and sum(map(blobs.size, added)) < 0.2 * earlier.size_bytes


def test_a_dataset_written_again_is_not_written(blobs: FolderBlobs) -> None:
    dataset = write_dataset([ratings(10)], blobs)
    before = set(blobs.digests())
    assert write_dataset(dataset, blobs).parts == dataset.parts
    assert set(blobs.digests()) == before


def test_a_manifest_gives_the_dataset_back(blobs: FolderBlobs) -> None:
    dataset = write_dataset([ratings(10), ratings(5, 10)], blobs)
    back = dataset_from(dataset.manifest(), blobs)
    assert (back.rows, len(back), back.columns) == (15, 15, ("user", "stars", "said"))
    assert back.schema.equals(dataset.schema) and back.parts == dataset.parts
    assert back.to_arrow().equals(dataset.to_arrow())
    assert repr(back) == "<Dataset of 15 rows x 3 columns in 1 part>"


def test_frames_count_their_rows_on_and_take_some_columns(blobs: FolderBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_BATCH_ROWS", 4)
    dataset = write_dataset([ratings(10)], blobs)
    frames = list(dataset.frames(["stars", "user"]))
    assert [list(frame.index) for frame in frames] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert [list(frame.columns) for frame in frames] == [["stars", "user"]] * 3
    assert list(dataset.head(6)["stars"]) == [1, 2, 3, 4, 5, 1]
    assert pl.from_arrow(dataset.reader(["stars"])).shape == (10, 1)


def test_a_column_that_is_not_there_is_named_with_a_near_one(blobs: FolderBlobs) -> None:
    dataset = write_dataset([ratings(10)], blobs)
    with pytest.raises(Refused, match=r"no column 'star'.*stars"):
        next(dataset.batches(["star"]))


@pytest.mark.parametrize(
    "make",
    [
        lambda table: table,
        lambda table: pl.from_pandas(table),
        lambda table: pa.Table.from_pandas(table),
        lambda table: pa.RecordBatch.from_pandas(table),
        lambda table: table.assign(said=table["said"].astype("category")),
    ],
    ids=["pandas", "polars", "arrow", "batch", "categories"],
)
def test_tables_of_each_library_give_the_same_parts(make: Any, blobs: FolderBlobs) -> None:
    expected = write_dataset([ratings(100)], blobs)
    assert write_dataset([make(ratings(100))], blobs).parts == expected.parts


def test_a_named_index_becomes_a_column(blobs: FolderBlobs) -> None:
    dataset = write_dataset([ratings(10).set_index("user")], blobs)
    assert dataset.columns == ("user", "stars", "said")


def test_times_in_seconds_come_back_in_every_batch_as_parquet_keeps_them(blobs: FolderBlobs) -> None:
    times = pd.DataFrame({"at": pd.to_datetime(["2026-01-01", "1066-10-14"]).astype("datetime64[s]")})
    assert write_dataset([times], blobs).to_pandas()["at"].astype("datetime64[s]").tolist() == times["at"].tolist()
    assert sum(batch.num_rows for batch in of_parts(blobs, pa.Table.from_pandas(times, preserve_index=False))) == 2


def test_a_table_in_memory_is_a_dataset_for_a_unit_test_of_a_step() -> None:
    dataset = Dataset.of(ratings(5))
    assert dataset.rows == 5 and not dataset.in_store
    assert sum(batch.num_rows for batch in dataset) == 5
    pd.testing.assert_frame_equal(dataset.to_pandas(["user"]), ratings(5)[["user"]])
    with pytest.raises(Refused, match="no store to append to"):
        dataset.appended([ratings(1)])


def test_whole_numbers_with_a_gap_and_columns_in_another_order_are_the_same_columns(blobs: FolderBlobs) -> None:
    one = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    other = pd.DataFrame({"b": ["z", None], "a": [3.0, np.nan]})
    dataset = write_dataset([one, other], blobs)
    assert dataset.to_arrow().to_pydict() == {"a": [1, 2, 3, None], "b": ["x", "y", "z", None]}


@pytest.mark.parametrize(
    ("later", "said"),
    [
        ({"user": [1], "score": [2]}, r"\[user: int64, stars: int64\], and are \[user: int64, score: int64\] now"),
        ({"user": [1]}, r"and are \[user: int64\] now"),
        ({"user": [1], "stars": ["many"]}, r"stars: int64\], and are .*stars: (large_)?string\] now \("),
        ({"user": [1], "stars": [2.5]}, r"stars: double\] now \(.*truncated"),
    ],
    ids=["another name", "a column less", "texts", "halves"],
)
def test_columns_that_change_in_mid_stream_are_refused_with_both_schemas(
    later: dict[str, list[object]], said: str, blobs: FolderBlobs
) -> None:
    with pytest.raises(Refused, match=f"Step ratings changed its columns after 2 rows: they were .*{said}") as caught:
        write_dataset([pd.DataFrame({"user": [1, 2], "stars": [3, 4]}), pd.DataFrame(later)], blobs, "Step ratings")
    assert caught.value.subject_code == "columns-changed"


@pytest.mark.parametrize(
    ("items", "code"),
    [
        ([], "stream-empty"),
        ([3], "stream-not-tables"),
        ([None], "stream-not-tables"),
        ([pd.DataFrame({"a": [object()]})], "stream-not-parquet"),
        ([pd.DataFrame([[1, 2]], columns=["a", "a"])], "odd-column"),
        ([pd.DataFrame(index=[0, 1])], "odd-column"),
    ],
)
def test_a_stream_of_something_else_is_refused(items: list[object], code: str, blobs: FolderBlobs) -> None:
    with pytest.raises(Refused) as caught:
        write_dataset(iter(items), blobs)
    assert caught.value.subject_code == code


def test_a_table_of_no_rows_says_what_the_columns_are(blobs: FolderBlobs) -> None:
    dataset = write_dataset([ratings(0).astype({"said": "str"})], blobs)
    assert (dataset.rows, dataset.parts, dataset.to_pandas().shape) == (0, (), (0, 3))
    assert dataset.head().shape == (0, 3)


def test_a_stream_that_raises_leaves_only_parts_that_are_used_when_it_is_repeated(
    blobs: FolderBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset_parts, "BLOCK_BYTES", 1_000)

    def broken() -> Iterator[pd.DataFrame]:
        yield from pieces(ratings(5_000), 500)
        raise OSError("the line went dead")

    with pytest.raises(OSError, match="went dead"):
        write_dataset(broken(), blobs)
    left = set(blobs.digests())
    whole = write_dataset(pieces(ratings(6_000), 500), blobs)
    assert left and left < {part.digest for part in whole.parts}


def test_a_part_that_is_gone_is_named_by_its_number(blobs: FolderBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset_parts, "BLOCK_BYTES", 1_000)
    dataset = write_dataset([ratings(5_000)], blobs)
    blobs.delete(dataset.parts[1].digest)
    with pytest.raises(NotFound, match=f"Part 2 of {len(dataset.parts)} of a dataset is gone"):
        list(dataset)


def test_a_damaged_part_is_named_and_found_by_fsck(blobs: FolderBlobs) -> None:
    dataset = write_dataset([ratings(5_000)], blobs)
    path = blobs.path(dataset.parts[0].digest)
    assert path is not None
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(Damaged, match="Part 1 of 1 of a dataset is not what was written"):
        list(dataset)
    assert len(list(blobs.verify())) == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rows": 4}, "says that it has 3 rows, where 4 rows"),
        ({"size_bytes": 12}, "bytes, where 3 rows in 12 bytes are noted"),
    ],
)
def test_a_part_that_lies_about_its_size_is_refused(changes: dict[str, int], said: str, blobs: FolderBlobs) -> None:
    with pytest.raises(Damaged, match=said):
        list(of_parts(blobs, pa.table({"a": [1, 2, 3]}), **changes))


def test_a_part_of_other_columns_or_of_no_parquet_is_refused(blobs: FolderBlobs) -> None:
    other = of_parts(blobs, pa.table({"a": [1, 2, 3]}))
    with pytest.raises(Damaged, match="has other columns"):
        list(stored_dataset(pa.schema([("a", pa.string())]), other.parts, blobs))
    digest = blobs.put(b"PAR1 and nothing else PAR1")
    with pytest.raises(Damaged, match="cannot be read"):
        list(stored_dataset(other.schema, [Part(digest, 3, 26)], blobs))


@pytest.mark.parametrize("manifest", [b"", b"{}", b'{"format":1,"parts":[],"schema":"no"}', b"\x00\xff"])
def test_bytes_that_are_no_manifest_are_refused(manifest: bytes, blobs: FolderBlobs) -> None:
    with pytest.raises(Damaged, match="cannot be read"):
        dataset_from(manifest, blobs)


def test_a_dataset_larger_than_memory_says_what_it_would_need(
    blobs: FolderBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = write_dataset([ratings(1_000)], blobs)
    monkeypatch.setattr(reading, "memory_left", lambda: 5_000)
    with pytest.raises(Refused, match=r"1,000 rows of 3 columns need about .* GB as one table, and 0.0 GB are free"):
        dataset.to_pandas()
    assert dataset.to_pandas(["stars"]).shape == (1_000, 1)


def test_a_dataset_is_not_pickled(blobs: FolderBlobs) -> None:
    with pytest.raises(TypeError, match="return it by itself"):
        pickle.dumps(write_dataset([ratings(1)], blobs))


def test_a_reader_of_batches_without_any_still_has_columns() -> None:
    schema, batches = batches_of(pa.RecordBatchReader.from_batches(pa.schema([("a", pa.int8())]), []), "It")
    assert schema.names == ["a"] and sum(batch.num_rows for batch in batches) == 0


@pytest.mark.usefixtures("small_parts")
def test_rows_can_be_read_from_any_row_on(blobs: FolderBlobs) -> None:
    made = write_dataset(pieces(ratings(900), 100), blobs)
    assert len(made.parts) == 2
    whole = made.to_arrow().column("user").to_pylist()
    for start in (0, 1, made.parts[0].rows, made.parts[0].rows + 1, 899, 900):
        assert [n for batch in made.batches(["user"], start=start) for n in batch["user"].to_pylist()] == whole[start:]
