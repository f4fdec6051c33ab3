"""What was registered of where the code of a solution comes from."""

from __future__ import annotations

import msgspec

from unshelve.errors import Damaged
from unshelve.registry.origins import KnownOrigin
from unshelve.solution.lifted import Origin
from unshelve.storage.blobs import BlobStore


def origin_from(blobs: BlobStore, known: KnownOrigin) -> Origin:
    """What was registered of the origin of some code."""
    try:
        return msgspec.json.decode(blobs.get(known.blob), type=Origin)
    except msgspec.DecodeError as error:
        raise Damaged(f"What was kept of {known.notebook} cannot be read.", code="origin-damaged") from error
