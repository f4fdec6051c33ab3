"""Which version answers, kept in step with the database, and the versions held in memory."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime

from unshelve.clock import milliseconds
from unshelve.errors import Damaged, NotFound, SolutionInvalid, UnshelveError, Untrusted
from unshelve.models.package import Manifest, manifest_from
from unshelve.registry.lookups import newest_copies
from unshelve.registry.releases import releases
from unshelve.registry.versions import REMOVED, Version, get_version, versions_of
from unshelve.security.signing import Verifier
from unshelve.serving.copies import Chosen, Copies
from unshelve.serving.loaded import LoadedEndpoint, LoadedModel, load_endpoint, load_model
from unshelve.serving.predictor import Predictor
from unshelve.storage.blobs import BlobStore
from unshelve.storage.database import Database
from unshelve.storage.home import Home

MOST_UNRELEASED = 8
"""Versions that are held in memory though nothing releases them: those being proved or tried."""


class LiveReleases:
    """The releases of a home as one process serves them; fulfils serving.predictor.Releases."""

    def __init__(self, database: Database, blobs: BlobStore, verifier: Verifier) -> None:
        self._database = database
        self._blobs = blobs
        self._verifier = verifier
        self._champions: Mapping[str, Predictor] = {}
        self._troubles: Mapping[str, UnshelveError] = {}
        self._held: dict[tuple[str, int], Predictor] = {}
        self._by_manifest: dict[str, LoadedModel] = {}
        self._copies = Copies(blobs)
        self._lock = threading.RLock()

    def release_for(self, model: str) -> Predictor:
        """The version that answers now; NotFound, naming near models, when none does.

        Raises why the released version could not be loaded, when no former one answers in its place.
        """
        found = self._champions.get(model)
        if found is not None:
            return found
        trouble = self._troubles.get(model)
        if trouble is not None:
            raise trouble
        with self._database.read() as connection:
            versions = versions_of(connection, model)
        raise NotFound(
            f"{model} has {len(versions)} version{'s' * (len(versions) != 1)}, and none of them is released.",
            code="no-release",
            hint="The model's page says what stood against them.",
        )

    def loaded(self, model: str, number: int) -> Predictor | None:
        return self._held.get((model, number))

    def version(self, model: str, number: int) -> Predictor:
        """One version, loaded now if need be."""
        found = self._held.get((model, number))
        if found is not None:
            return found
        with self._lock:
            found = self._held.get((model, number))
            if found is None:
                with self._database.read() as connection:
                    wanted = get_version(connection, model, number)
                found = self._load(wanted)
                self._hold(model, number, found)
                self._refresh_copies()  # what cannot be taken over is said by `refresh`
            return found

    def refresh(self) -> None:
        """Take over the releases of the database, loading what is new first; versions nobody needs are let go.

        A version that cannot be loaded leaves the others alone: what answered for its model goes on, and the error is
        raised once all others have been taken over.
        """
        with self._lock:
            with self._database.read() as connection:
                wanted = {model: now.champion for model, now in releases(connection).items()}
            champions: dict[str, Predictor] = {}
            troubles: dict[str, UnshelveError] = {}
            for model, number in wanted.items():
                try:
                    champions[model] = self.version(model, number)
                except UnshelveError as error:
                    troubles[model] = error
                    if model in self._champions:
                        champions[model] = self._champions[model]
            self._champions, self._troubles = champions, troubles
            stale = self._refresh_copies()
        for trouble in (*troubles.values(), *stale):
            raise trouble

    def _refresh_copies(self) -> list[UnshelveError]:
        """Take over newer copies of the lookups that versions in memory use; the errors of those that cannot be.

        All newer copies take their places at once. Where one cannot be loaded, the former goes on.
        """
        models = [one for one in self._held.values() if isinstance(one, LoadedModel)]
        used = {pair for model in models for pair in model.used}
        if not used:
            return []
        with self._database.read() as connection:
            known = newest_copies(connection)
        found = {pair: chosen for pair, chosen in self._copies.newest.items() if pair in used}
        troubles: list[UnshelveError] = []
        for name, lookup in used:
            one = known.get(name)
            if one is None or one.digest is None:
                continue
            made_ms = milliseconds(datetime.fromisoformat(one.made_at))
            try:
                copy = self._copies.load(one.digest, lookup, one.name)
            except SolutionInvalid:  # made for a later version, with other keys
                found.pop((name, lookup), None)
            except UnshelveError as error:
                troubles.append(error)
            else:
                found[name, lookup] = Chosen(copy, made_ms)
        self._copies.newest = found
        return troubles

    def _hold(self, model: str, number: int, predictor: Predictor) -> None:
        held = dict(self._held)
        held[(model, number)] = predictor
        needed = {(name, champion.version) for name, champion in self._champions.items()}
        spare = [key for key in held if key not in needed]
        for key in spare[: max(0, len(spare) - MOST_UNRELEASED)]:
            dropped = held.pop(key)
            if isinstance(dropped, LoadedModel):
                self._by_manifest.pop(dropped.manifest.digest, None)
            if isinstance(dropped, LoadedModel | LoadedEndpoint):
                dropped.forget()
        self._held = held

    def _load(self, wanted: Version) -> Predictor:
        """A version with all that it pins. Damaged or Untrusted, naming it, when it is not what was signed."""
        if wanted.state == REMOVED:
            raise NotFound(
                f"{wanted.model} v{wanted.number} was removed: it was older than versions are kept.",
                code="version-removed",
                hint="Run the solution again as it was then to make it anew.",
            )
        try:
            return self._loaded(wanted)
        except (Damaged, Untrusted) as error:
            name = f"{wanted.model} v{wanted.number}"
            if name in error.message:
                raise
            raise type(error)(
                f"{name} is not loaded: {error.message}",
                code=error.subject_code,
                hint=error.hint or "`unshelve rollback` lets the version before it answer.",
                details=error.details,
            ) from error

    def _loaded(self, wanted: Version) -> Predictor:
        manifest = self.manifest(wanted)
        if manifest.kind == "model":
            return self._load_model(wanted, manifest)
        models = {}
        for name, pinned in manifest.models.items():
            full = f"{wanted.solution}.{name}"
            with self._database.read() as connection:
                version = get_version(connection, full, int(str(pinned["number"])))
            loaded = self.version(full, version.number)
            if not isinstance(loaded, LoadedModel):
                raise Damaged(f"{wanted.model} v{wanted.number} pins {name}, which is no model.")
            models[name] = loaded
        endpoint: LoadedEndpoint = load_endpoint(manifest, self._blobs, models, version=wanted.number)
        return endpoint

    def _load_model(self, wanted: Version, manifest: Manifest) -> LoadedModel:
        known = self._by_manifest.get(wanted.manifest)
        if known is None:
            known = load_model(manifest, self._blobs, version=wanted.number, copies=self._copies)
            self._by_manifest[wanted.manifest] = known
        return known

    def manifest(self, wanted: Version) -> Manifest:
        """A version's manifest, its signature checked; Untrusted when it was changed after it was signed."""
        data = self._blobs.get(wanted.manifest)
        self._verifier.verify(data, wanted.signature)
        found = manifest_from(data)
        if found.model != wanted.model:
            raise Damaged(f"The manifest of {wanted.model} v{wanted.number} is that of {found.model}.")
        return found


def live_releases(home: Home, database: Database, blobs: BlobStore) -> LiveReleases:
    """The releases of a home, as an answer process is told to make them."""
    return LiveReleases(database, blobs, Verifier.load(home.keys))
