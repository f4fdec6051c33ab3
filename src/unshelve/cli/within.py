"""The pages' application inside this process, over a home that nobody serves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from starlette.applications import Starlette

from unshelve.predictions.parquet_process import ParquetProcess
from unshelve.solution.control import Control
from unshelve.solution.runner import Runner
from unshelve.storage.home import Home
from unshelve.web.app import build
from unshelve.web.live import LiveRuns
from unshelve.web.server import site_for


@contextmanager
def application(home: Home) -> Iterator[Starlette]:
    """The application, for as long as the home is held. Nothing runs and nothing is answered meanwhile."""
    with Control.open(home.root) as control, closing(ParquetProcess(home.predictions)) as files:
        yield build(site_for(control, Runner(control, lambda _event: None), LiveRuns(), files))
