"""`unshelve move`: a home's database and blobs to PostgreSQL and object storage, and back."""

from __future__ import annotations

import msgspec

from unshelve.cli.copying import CopyProgress
from unshelve.cli.elsewhere import MoveTo, targets
from unshelve.cli.output import HomeOption, JsonOption, result
from unshelve.cli.places import existing_home
from unshelve.security.actors import LOCAL
from unshelve.solution.control import Control
from unshelve.upkeep.moving import move
from unshelve.web.wording import count


def command(
    to: MoveTo,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Move a home's database, blobs or both. All is copied and compared before it is used; what was there stays."""
    place = existing_home(home)
    with Control.open(place.root) as control, CopyProgress() as shown:
        database, blobs = targets(to, control.settings)
        done = move(control, LOCAL, database=database, blobs=blobs, progress=shown.tell)
    lines = []
    if done.blobs is not None:
        lines.append(f"Blobs: {count(done.copied)} copied, {count(done.present)} were there.")
    if done.database is not None:
        lines.append(f"Database: {count(done.rows)} rows copied and compared.")
    lines.append(f"The home uses them from now on ({place.settings_file}). What was there before is still there.")
    result(msgspec.to_builtins(done), json=json, lines=lines)
