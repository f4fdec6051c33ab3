"""Which version answers, kept in step with the database, and the versions held in memory."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from unshelve.errors import Damaged, NotFound, UnshelveError, Untrusted
from unshelve.models.package import Manifest, manifest_from
from unshelve.registry.releases import releases
from unshelve.registry.versions import REMOVED, Version, get_version, versions_of
from unshelve.security.signing import Verifier
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
        for trouble in troubles.values():
            raise trouble

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
            known = load_model(manifest, self._blobs, version=wanted.number)
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
