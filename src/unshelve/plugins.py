"""What other packages add: each plug is an entry point in one of these groups.

A package that brings a plug declares it in its `pyproject.toml`:

    [project.entry-points."unshelve.blob_stores"]
    s3 = "unshelve_s3.store:S3Blobs"

Nothing is imported before it is asked for by name.
"""

from __future__ import annotations

import difflib
from enum import StrEnum
from importlib.metadata import EntryPoint, entry_points

from unshelve.errors import Conflict, NotFound, Unavailable


class Group(StrEnum):
    """What can be added; each group's plugs follow one protocol."""

    BLOB_STORES = "unshelve.blob_stores"
    """`storage.blobs.BlobStore`, called with a URL; the plug's name is the URL's scheme."""
    EXECUTORS = "unshelve.executors"
    """`pipeline.executor.Executor`."""
    FLAVOURS = "unshelve.flavours"
    """`models.flavour.Flavour`: saving, loading and exact fast calls for one library."""
    SOURCES = "unshelve.sources"
    """`data.source.Source`, called with a URL; the plug's name is the URL's scheme."""
    EXPORTERS = "unshelve.exporters"
    """`pipeline.exporter.Exporter`: a graph for another engine."""
    ALERTERS = "unshelve.alerters"
    """`monitoring.alerter.Alerter`: where alerts go."""


def names(group: Group) -> list[str]:
    """The names of the plugs that are installed, sorted."""
    return sorted({point.name for point in entry_points(group=group.value)})


def load(group: Group, name: str) -> object:
    """The plug of a name.

    Raises NotFound with what is near, Conflict when two packages bring one name, and Unavailable, naming the
    package, when it cannot be imported.
    """
    found = [point for point in entry_points(group=group.value) if point.name == name]
    if not found:
        raise NotFound(
            f"No {group.value} plug is called {name!r}.",
            code="plug-not-found",
            near=difflib.get_close_matches(name, names(group), n=3),
            hint="Is the package that brings it installed?",
        )
    if len({point.value for point in found}) > 1:
        raise Conflict(
            f"Several packages bring a {group.value} plug {name!r}: {', '.join(map(_bringer, found))}.",
            code="plug-twice",
            hint="Uninstall all but one of them.",
        )
    try:
        plug: object = found[0].load()
    except (ImportError, AttributeError) as error:
        raise Unavailable(
            f"The plug {name!r} of {_bringer(found[0])} cannot be imported: {error}.", code="plug-broken"
        ) from error
    return plug


def _bringer(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value
