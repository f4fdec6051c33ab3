"""Control as far as the prediction log needs it: keeps answer processes and seals. Started by the kill test."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from databases import database_of
from unshelve.predictions.log import LogSettings
from unshelve.predictions.parquet_process import ParquetProcess
from unshelve.predictions.sealing import Sealer
from unshelve.security.actors import LOCAL
from unshelve.serving.process import AnswerProcesses, AnswerSettings
from unshelve.storage.home import Home


async def control(root: Path, port: int) -> None:
    home = Home.open(root)
    with home.lock():
        database = database_of(home)
        files = ParquetProcess(home.predictions)
        sealer = Sealer(database, home.predictions, files, actor=LOCAL)
        settings = AnswerSettings(
            home=home.root,
            database=database.address,
            blobs=str(home.blobs),
            control=home.root / "run" / "control.sock",
            releases="serving_tiny:releases",
            port=port,
            processes=2,
            log=LogSettings(segment_bytes=8_000, segment_seconds=0.5),
        )
        processes = AnswerProcesses(settings)
        await processes.start()
        print(processes.port, flush=True)  # noqa: T201  read by the test
        while True:
            await asyncio.to_thread(sealer.seal)
            await asyncio.sleep(0.05)


if __name__ == "__main__":
    asyncio.run(control(Path(sys.argv[1]), int(sys.argv[2])))
