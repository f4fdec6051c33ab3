"""The segment format: what is read is what was written, whatever the file ends with."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from unshelve.predictions.record import Record
from unshelve.predictions.segment import (
    MAGIC,
    Ending,
    SegmentFile,
    claim,
    frame,
    read_records,
    remove_unfinished,
    scan,
    scan_frames,
    segments,
)


def record(number: int, row: bytes = b'{"a":1}') -> Record:
    return Record(
        id=f"{number:026d}",
        time=1_700_000_000_000 + number,
        model="flights.lateness",
        version=7,
        actor="key-1",
        route="model",
        row=row,
        answer=b'{"label":true}',
        seconds=0.001,
    )


def test_records_come_back_as_they_went_in() -> None:
    written = [record(1), record(2, row=bytes(range(256)))]

    records, found = read_records(MAGIC + frame(written[:1]) + frame(written[1:]))

    assert records == written
    assert found.ending is Ending.WHOLE


@given(st.integers(min_value=0), st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_a_segment_cut_anywhere_keeps_exactly_its_whole_frames(cut: int, sizes: list[int]) -> None:
    frames = [frame([record(10 * index + n) for n in range(size)]) for index, size in enumerate(sizes)]
    data = MAGIC + b"".join(frames)
    cut %= len(data) + 1

    found = scan(data[:cut])

    ends = [len(MAGIC) + sum(map(len, frames[:n])) for n in range(len(frames) + 1)]
    whole = [end for end in ends if end <= cut]
    assert len(found.payloads) == max(len(whole) - 1, 0)
    assert found.end == (whole[-1] if whole else 0)
    assert found.ending is (Ending.WHOLE if cut in ends else Ending.TORN)


@given(st.data())
def test_a_changed_byte_is_never_read_as_a_record(data: st.DataObject) -> None:
    whole = MAGIC + frame([record(1)])
    place = data.draw(st.integers(len(MAGIC), len(whole) - 1))
    changed = bytearray(whole)
    changed[place] ^= data.draw(st.integers(1, 255))

    records, found = read_records(bytes(changed))

    assert records == []
    assert found.ending is not Ending.WHOLE


def test_a_file_that_is_no_segment_is_damaged() -> None:
    assert scan(b"something else").ending is Ending.DAMAGED


def test_scanning_goes_on_where_it_stopped() -> None:
    first, second = frame([record(1)]), frame([record(2)])
    stopped = scan(MAGIC + first + second[:5])

    found = scan_frames(MAGIC + first + second, stopped.end)

    assert [end - begin for begin, end in found.payloads] == [len(second) - 8]


def test_a_segment_cannot_be_claimed_while_it_is_written(tmp_path: Path) -> None:
    writing = SegmentFile.create(tmp_path, "one")

    assert claim(writing.path) is None

    writing.close()
    handle = claim(writing.path)
    assert handle is not None
    os.close(handle)


def test_a_claimed_segment_that_was_removed_meanwhile_is_not_handed_out(tmp_path: Path) -> None:
    SegmentFile.create(tmp_path, "one").close()
    (tmp_path / "one.segment").unlink()

    assert claim(tmp_path / "one.segment") is None


def test_only_finished_segments_are_listed_and_unfinished_ones_removed(tmp_path: Path) -> None:
    (tmp_path / "dead.new").write_bytes(b"unsh")
    live = SegmentFile.create(tmp_path, "live")

    remove_unfinished(tmp_path)

    assert segments(tmp_path) == [live.path]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["live.segment"]
    live.close()
