"""What a home holds, opened to be read: works whether somebody serves the home or not, and changes nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from unshelve.models.package import Manifest, manifest_from
from unshelve.registry.versions import Version
from unshelve.security.signing import Verifier
from unshelve.settings import read_settings
from unshelve.solution.control import Control
from unshelve.storage.blobs import BlobStore
from unshelve.storage.database import Database
from unshelve.storage.home import Home
from unshelve.storage.migration import NEWEST, stored_revision
from unshelve.storage.opening import blob_place, open_blobs


@dataclass(frozen=True, slots=True)
class Stored:
    """The database, the blobs and the public keys of a home."""

    home: Home
    database: Database
    blobs: BlobStore
    verifier: Verifier

    def manifest(self, version: Version) -> Manifest:
        """The manifest of a version. Raises Damaged or Untrusted when it is not what was signed."""
        data = self.blobs.get(version.manifest)
        self.verifier.verify(data, version.signature)
        return manifest_from(data)


@contextmanager
def stored(home: Home) -> Iterator[Stored]:
    """A home, opened to be read. One of an older unshelve is brought up to date first."""
    settings = read_settings(home.settings_file, os.environ)
    database = Database.open(settings.database or home.database_file, read_only=True)
    try:
        with database.read() as connection:
            revision = stored_revision(connection)
        if revision != NEWEST:
            Control.open(home.root).close()
        yield Stored(
            home,
            database,
            open_blobs(blob_place(home, settings)),
            Verifier.load(home.keys),
        )
    finally:
        database.close()
