"""The writer: one write a turn, nothing half-written, nothing answered that is not in the log."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from unshelve.errors import Unavailable
from unshelve.predictions.log import Flush, LogSettings, LogWriter
from unshelve.predictions.record import Record
from unshelve.predictions.segment import Ending, claim, read_records, scan, segments


def record(number: int, size: int = 10) -> Record:
    return Record(
        id=f"{number:026d}",
        time=number,
        model="a.b",
        version=1,
        actor="key",
        route="model",
        row=b"x" * size,
        answer=b"{}",
        seconds=0.0,
    )


def logged(folder: Path) -> list[str]:
    return [record.id for path in segments(folder) for record in read_records(path.read_bytes())[0]]


def test_what_a_turn_appends_is_written_by_one_frame(tmp_path: Path) -> None:
    async def answer() -> None:
        writer = LogWriter(tmp_path)
        await asyncio.gather(*(writer.append([record(number)]) for number in range(20)))
        found = scan(segments(tmp_path)[0].read_bytes())
        assert len(found.payloads) == 1
        await writer.close()

    asyncio.run(answer())

    assert logged(tmp_path) == [f"{number:026d}" for number in range(20)]


@pytest.mark.parametrize("flush", list(Flush))
def test_a_record_is_in_the_file_when_the_future_is_done(tmp_path: Path, flush: Flush) -> None:
    async def answer() -> None:
        writer = LogWriter(tmp_path, LogSettings(flush=flush))
        for number in range(5):
            await writer.append([record(number)])
            assert logged(tmp_path)[-1] == f"{number:026d}"
        await writer.close()

    asyncio.run(answer())


def test_nothing_is_made_before_there_is_something_to_write(tmp_path: Path) -> None:
    async def idle() -> None:
        await LogWriter(tmp_path / "open").close()

    asyncio.run(idle())

    assert not (tmp_path / "open").exists()


def test_a_full_segment_is_closed_and_the_next_one_begun(tmp_path: Path) -> None:
    async def answer() -> None:
        writer = LogWriter(tmp_path, LogSettings(segment_bytes=1000))
        for number in range(30):
            await writer.append([record(number, size=100)])
        await writer.close()

    asyncio.run(answer())

    assert len(segments(tmp_path)) == 5
    assert sorted(logged(tmp_path)) == [f"{number:026d}" for number in range(30)]
    for path in segments(tmp_path):
        handle = claim(path)
        assert handle is not None
        os.close(handle)


def test_an_old_segment_is_closed_without_another_answer(tmp_path: Path) -> None:
    async def answer() -> None:
        writer = LogWriter(tmp_path, LogSettings(segment_seconds=0.01, flush=Flush.NEVER))
        await writer.append([record(1)])
        handle = None
        while handle is None:
            await asyncio.sleep(0.005)
            handle = claim(segments(tmp_path)[0])
        os.close(handle)
        await writer.close()

    asyncio.run(asyncio.wait_for(answer(), 10))


def test_a_caller_that_goes_away_takes_nobody_elses_answer_with_it(tmp_path: Path) -> None:
    async def answer() -> None:
        writer = LogWriter(tmp_path)
        gone, staying = writer.append([record(1)]), writer.append([record(2)])
        gone.cancel()
        await staying
        await writer.close()

    asyncio.run(answer())

    assert logged(tmp_path) == [f"{number:026d}" for number in (1, 2)]


def test_a_closed_log_takes_nothing_more(tmp_path: Path) -> None:
    async def answer() -> None:
        writer = LogWriter(tmp_path)
        await writer.close()
        with pytest.raises(Unavailable):
            await writer.append([record(1)])

    asyncio.run(answer())


def test_a_log_that_cannot_be_written_refuses_and_recovers_by_itself(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.write_text("a file where the folder should be")

    async def answer() -> None:
        writer = LogWriter(folder)
        with pytest.raises(Unavailable):
            await writer.append([record(1)])
        failures = [writer.failure]
        folder.unlink()
        await writer.append([record(2)])
        failures.append(writer.failure)
        assert [type(failure) for failure in failures] == [Unavailable, type(None)]
        await writer.close()

    asyncio.run(answer())

    assert logged(folder) == [f"{2:026d}"]


FILE_LIMIT = """
import asyncio, resource, sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from test_log import record
from unshelve.errors import StorageFull
from unshelve.predictions.log import LogWriter, LogSettings

async def answer():
    writer = LogWriter(Path(sys.argv[1]))
    await writer.append([record(1)])
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
    try:
        await writer.append([record(2, size=5000)])
    except StorageFull as error:
        print("refused", error.status)
    await writer.append([record(3)])
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await writer.append([record(4, size=5000)])
    await writer.close()

asyncio.run(answer())
"""


def test_a_frame_cut_short_is_taken_back_and_the_log_goes_on(tmp_path: Path) -> None:
    here = str(Path(__file__).parent)

    ended = subprocess.run(
        [sys.executable, "-c", FILE_LIMIT, str(tmp_path), here], capture_output=True, text=True, check=True
    )

    assert ended.stdout == "refused 503\n"
    assert logged(tmp_path) == [f"{number:026d}" for number in (1, 3, 4)]
    assert [scan(path.read_bytes()).ending for path in segments(tmp_path)] == [Ending.WHOLE]


FULL_DISK = """
import asyncio, os, sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from test_log import record
from unshelve.errors import StorageFull
from unshelve.predictions.log import LogWriter

disk = Path(sys.argv[1])

async def answer():
    writer = LogWriter(disk / "open")
    number = 0
    try:
        while True:
            await writer.append([record(number, size=3000)])
            number += 1
    except StorageFull as error:
        print(number > 5, error.status)
    (disk / "ballast").unlink()
    await writer.append([record(number + 1, size=3000)])
    await writer.close()
    from test_log import logged
    ids = [int(each) for each in logged(disk / "open")]
    print(ids == [*range(number), number + 1])

(disk / "ballast").write_bytes(bytes(100_000))
asyncio.run(answer())
"""


def test_a_full_disk_refuses_answers_until_there_is_room(tmp_path: Path) -> None:
    mounted = f'mount -t tmpfs -o size=200k tmpfs "{tmp_path}"'
    if subprocess.run(["unshare", "-rm", "sh", "-c", mounted], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    here = str(Path(__file__).parent)
    command = f'{mounted} && exec "$0" -c "$1" "$2" "$3"'

    ended = subprocess.run(
        ["unshare", "-rm", "sh", "-c", command, sys.executable, FULL_DISK, str(tmp_path), here],
        capture_output=True,
        text=True,
        check=True,
    )

    assert ended.stdout == "True 503\nTrue\n"


def test_what_was_appended_survives_the_end_of_the_process(tmp_path: Path) -> None:
    program = textwrap.dedent("""
        import asyncio, os, signal, sys
        sys.path.insert(0, sys.argv[2])
        from pathlib import Path
        from test_log import record
        from unshelve.predictions.log import LogWriter

        async def answer():
            await LogWriter(Path(sys.argv[1])).append([record(1)])
            os.kill(os.getpid(), signal.SIGKILL)

        asyncio.run(answer())
    """)
    here = str(Path(__file__).parent)

    subprocess.run([sys.executable, "-c", program, str(tmp_path), here], check=False)

    assert logged(tmp_path) == [f"{1:026d}"]
