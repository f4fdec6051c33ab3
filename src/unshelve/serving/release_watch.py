"""Keeps an answer process's releases in step with the database, without a request waiting for it."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from unshelve.errors import NotFound
from unshelve.serving.predictor import Predictor, Releases
from unshelve.storage.database import Database

_LOGGER: Final = logging.getLogger("unshelve.serving")


class ReleaseWatch:
    """The versions that answer. A change of the database is taken over in the background, in one step."""

    def __init__(self, releases: Releases, database: Database) -> None:
        self.failure: Exception | None = None
        """Why the last change could not be taken over; None when it was."""
        self._releases = releases
        self._database = database
        self._token: int | None = None
        self._refreshing: asyncio.Task[None] | None = None
        self._again = False
        # One thread each: taking over a rollback must not wait until somebody's version is loaded.
        self._refresher = ThreadPoolExecutor(1, thread_name_prefix="releases")
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="versions")

    def notice(self) -> None:
        """Begins to take over what has changed, if anything has. Costs a few microseconds when nothing has."""
        token = self._database.change_token()
        if token == self._token:
            return
        self._token = token
        if self._refreshing is None:
            self._refreshing = asyncio.create_task(self._refresh())
        else:
            self._again = True

    def retry(self) -> None:
        """Tries again what failed, though nothing has changed."""
        if self.failure is not None and self._refreshing is None:
            self._refreshing = asyncio.create_task(self._refresh())

    async def settled(self) -> None:
        """Returns when every change that was noticed has been taken over, or has failed to be."""
        while self._refreshing is not None:
            await asyncio.shield(self._refreshing)

    async def release_for(self, model: str) -> Predictor:
        """The version that answers now. Raises NotFound once it is certain that there is none."""
        try:
            return self._releases.release_for(model)
        except NotFound:
            self.notice()
            if self._refreshing is None:
                raise
        await self.settled()
        return self._releases.release_for(model)

    async def version(self, model: str, number: int) -> Predictor:
        """One version, loaded when it is not in memory."""
        found = self._releases.loaded(model, number)
        if found is not None:
            return found
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._loader, self._releases.version, model, number)

    def close(self) -> None:
        """Takes over nothing more."""
        for pool in (self._refresher, self._loader):
            pool.shutdown(wait=False, cancel_futures=True)

    async def _refresh(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while True:
                self._again = False
                try:
                    await loop.run_in_executor(self._refresher, self._releases.refresh)
                    self.failure = None
                except Exception as error:  # the edge: the former releases go on answering
                    self.failure = error
                    _LOGGER.exception("a change of releases could not be taken over; the former ones go on")
                if not self._again:
                    return
        finally:
            self._refreshing = None
