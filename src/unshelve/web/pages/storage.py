"""The store: where things are kept, what solutions cost, what was done to look after it, and a sweep."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

from unshelve.errors import UnshelveError
from unshelve.settings import Settings
from unshelve.storage.probing import standing
from unshelve.upkeep.costs import PARTS
from unshelve.upkeep.keeper import counted_costs, latest
from unshelve.upkeep.records import UpkeepKind, UpkeepRecord
from unshelve.upkeep.sweeping import GRACE
from unshelve.web.asked import Asked
from unshelve.web.charts import small
from unshelve.web.framing import frame_for
from unshelve.web.render import page
from unshelve.web.views.parts import Glance
from unshelve.web.views.storage import CostRow, DoneRow, StorageView
from unshelve.web.wording import count, plural, size


def store(asked: Asked) -> Response:
    """What is stored here."""
    return _page(asked)


def sweep(asked: Asked) -> Response:
    """Removes what nothing needs, or says what would be removed."""
    dry_run = asked.form.get("dry_run", "") == "yes"
    try:
        done = asked.keeper.sweep(asked.who, grace=GRACE, dry_run=dry_run)
    except UnshelveError as error:
        return _page(asked, problem=str(error), status=error.status)
    did = "would be removed" if dry_run else "removed"
    said = f"{plural(done.removed, 'blob')} {did}, {size(done.freed_bytes)}. "
    said += f"{count(done.needed)} of {count(done.blobs)} are needed"
    young = f", {count(done.young)} are younger than a day and were left alone." if done.young else "."
    return _page(asked, swept=said + young)


def _page(asked: Asked, *, swept: str = "", problem: str = "", status: int = 200) -> Response:
    with asked.site.database.read() as connection:
        counted = counted_costs(connection)
        done = latest(connection)
    places = asked.keeper.places
    blobs = standing(asked.site.blobs)
    found = counted.solutions
    free = shutil.disk_usage(places.home).free
    backup = done.get(UpkeepKind.BACKUP)
    view = StorageView(
        database=places.database,
        blobs=places.blobs,
        remark=blobs.remark,
        copies=f"{blobs.cache}, up to {size(blobs.cache_limit_bytes)}" if blobs.cache else "",
        home=places.home,
        glances=(
            Glance(name="Stored", figure=size(counted.total if counted.at else None)),
            Glance(name="Solutions", figure=count(len(found))),
            Glance(name="Free on this server", figure=size(free)),
            Glance(name="Last backup", figure=backup.at.strftime("%Y-%m-%d") if backup else "none yet"),
        ),
        counted_at=counted.at,
        parts=PARTS,
        tones=tuple(small.swatch(number) for number in range(len(PARTS))),
        costs=tuple(
            CostRow(
                solution=cost.solution,
                total=cost.total,
                own=cost.own,
                shared=cost.shared,
                parts=tuple(cost.parts.get(part, 0) for part in PARTS),
                bar=small.amounts([cost.parts.get(part, 0) for part in PARTS], of=found[0].total),
            )
            for cost in found
        ),
        done=tuple(_done(one) for one in sorted(done.values(), key=lambda one: one.at, reverse=True)),
        kept=_kept(asked.site.keep),
        swept=swept,
        problem=problem,
    )
    frame = frame_for(asked, "Storage")
    return page(asked.site.templates, asked.request, "pages/storage.html", view, frame, status=status)


def _done(one: UpkeepRecord) -> DoneRow:
    return DoneRow(what=_WORDS[one.kind], at=one.at, actor=one.actor, said=_said(one))


def _said(one: UpkeepRecord) -> str:
    told = one.details
    if one.kind is UpkeepKind.SWEEP:
        return f"{plural(int(told['removed']), 'blob')} removed, {size(int(told['freed_bytes']))} freed"
    if one.kind is UpkeepKind.BACKUP:
        lacks = int(told.get("missing", 0))
        without = f", without {plural(lacks, 'thing')} that the home has lost" if lacks else ""
        return f"{told['name']} in {told['folder']}, {size(int(told['size_bytes']))}{without}"
    if one.kind is UpkeepKind.DAY:
        gone = _gone(told)
        return f"{gone or 'nothing was too old'}; {'swept' if told['swept'] else 'not swept: sweep_daily is off'}"
    if one.kind is UpkeepKind.RETENTION:
        return f"{_gone(told)} let go"
    return f"{plural(len(told['solutions']), 'solution')}, {size(int(told['total']))}"


def _gone(told: Mapping[str, object]) -> str:
    """What is kept no longer, in words."""
    words = (("run", "runs"), ("version", "versions"), ("answer", "predictions"))
    return ", ".join(plural(number, word) for word, name in words if (number := int(str(told[name]))))


def _kept(settings: Settings) -> tuple[tuple[str, str], ...]:
    """What is kept for how long, in words."""
    return (
        ("Runs", f"{settings.keep_runs_days:g} days" if settings.keep_runs_days else "for ever"),
        ("Versions beside those that answer", count(settings.keep_versions) if settings.keep_versions else "all"),
        ("Answers", f"{settings.keep_predictions_days:g} days" if settings.keep_predictions_days else "for ever"),
        ("What nothing needs", "swept once a day" if settings.sweep_daily else "until somebody sweeps"),
    )


_WORDS: Final = {
    UpkeepKind.SWEEP: "Swept",
    UpkeepKind.BACKUP: "Backed up",
    UpkeepKind.RETENTION: "Let go of what is old",
    UpkeepKind.COSTS: "Counted",
    UpkeepKind.DAY: "Looked after by itself",
}
