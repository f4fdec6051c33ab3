"""Stars: how many stars will somebody give a film?

Made-up ratings in the size of the Netflix Prize. The ratings are a dataset: no step ever holds them as a table.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator, RegressorMixin

from unshelve import Dataset, at_random, model, source, step, target, transform

USERS, ITEMS, TASTES = 480_189, 17_770, 6
FIRST_DAY, DAYS = np.datetime64("1999-11-11"), 2_243
BLOCK = 1_000_000
"""Ratings that are made at once, each block from a seed of its own."""


@source
def ratings(rows: int = 1_000_000, seed: int = 2006) -> Iterator[pd.DataFrame]:
    """Ratings, a million at a time: some people rate often, and some films are popular."""
    chance = np.random.default_rng(seed)
    likes = chance.normal(0, 0.4, (USERS, TASTES)).astype(np.float32)
    offers = chance.normal(0, 0.5, (ITEMS, TASTES)).astype(np.float32)
    kindness = chance.normal(0, 0.4, USERS).astype(np.float32)
    quality = chance.normal(0, 0.5, ITEMS).astype(np.float32)
    for block, begin in enumerate(range(0, rows, BLOCK)):
        chance = np.random.default_rng([seed, block])
        size = min(BLOCK, rows - begin)
        user = (USERS * chance.random(size) ** 1.5).astype(np.int32)
        item = (ITEMS * chance.random(size) ** 1.7).astype(np.int32)
        opinion = 3.6 + kindness[user] + quality[item] + np.einsum("rt,rt->r", likes[user], offers[item])
        stars = np.clip(np.rint(opinion + chance.normal(0, 0.7, size)), 1, 5).astype(np.int8)
        date = (FIRST_DAY + chance.integers(0, DAYS, size)).astype("datetime64[s]")
        yield pd.DataFrame({"user": user, "item": item, "stars": stars, "date": date})


@step
def asked(ratings: Dataset, every: int = 500) -> pd.DataFrame:
    """Every 500th rating: what the model is asked and judged by, and does not learn from."""
    taken = [table[table.index % every == 0] for table in ratings.frames()]
    return pd.concat(taken, ignore_index=True)


@step
def matrix(ratings: Dataset, every: int = 500) -> sparse.csr_array:
    """All other ratings, users by films. Who rated a film twice means the later one."""
    counts = np.zeros(USERS, dtype=np.int64)
    for user, _, _ in _blocks(ratings, every):
        counts += np.bincount(user, minlength=USERS)
    begins = np.concatenate([[0], np.cumsum(counts)])
    films, stars = np.empty(begins[-1], dtype=np.int32), np.empty(begins[-1], dtype=np.float32)
    free = begins[:-1].copy()
    for user, item, given in _blocks(ratings, every):
        order = np.argsort(user, kind="stable")
        user = user[order]
        first = np.flatnonzero(np.r_[True, user[1:] != user[:-1]])
        sizes = np.diff(np.r_[first, len(user)])
        places = free[user] + np.arange(len(user)) - np.repeat(first, sizes)
        films[places], stars[places] = item[order], given[order]
        free[user[first]] += sizes
    return _last_of_each(films, stars, begins)


@transform
def pairs(asked: pd.DataFrame) -> pd.DataFrame:
    """Who is asked about what."""
    return asked[["user", "item"]]


@target
def stars(asked: pd.DataFrame) -> pd.Series:
    """Stars from 1 to 5."""
    return asked["stars"]


@model(split=at_random(test=0.5), unit="stars")
def taste(pairs_train, stars_train, matrix, tastes: int = 8, sweeps: int = 3):  # type: ignore[no-untyped-def]
    """Kindness of people, quality of films, and tastes by alternating least squares."""
    return Taste(tastes, sweeps).learn(matrix)


class Taste(RegressorMixin, BaseEstimator):
    """Stars = mean + kindness + quality + likes · offers. An unknown user or film has none of its own."""

    def __init__(self, tastes: int = 8, sweeps: int = 3, strength: float = 8.0) -> None:
        self.tastes, self.sweeps, self.strength = tastes, sweeps, strength

    def learn(self, matrix: sparse.csr_array) -> "Taste":
        """Learn from a matrix of stars, users by films, in memory of about three times its values."""
        per_user, per_item = np.diff(matrix.indptr), np.bincount(matrix.indices, minlength=matrix.shape[1])
        self.mean_ = float(matrix.data.mean(dtype=np.float64))
        left = sparse.csr_array((matrix.data - np.float32(self.mean_), matrix.indices, matrix.indptr), matrix.shape)
        self.quality_ = (left.sum(axis=0) / (per_item + 25)).astype(np.float32)
        left.data -= self.quality_[left.indices]
        self.kindness_ = (left.sum(axis=1) / (per_user + 10)).astype(np.float32)
        left.data -= np.repeat(self.kindness_, per_user)
        rated = sparse.csr_array((np.ones_like(left.data), left.indices, left.indptr), matrix.shape)
        chance = np.random.default_rng(0)
        self.offers_ = chance.normal(0, 0.1, (matrix.shape[1], self.tastes)).astype(np.float32)
        for _ in range(self.sweeps):
            self.likes_ = self._solved(left, rated, self.offers_)
            self.offers_ = self._solved(left.T, rated.T, self.likes_)
        return self

    def _solved(self, left, rated, others: np.ndarray) -> np.ndarray:  # type: ignore[no-untyped-def,type-arg]
        """Least squares for each row, all at once: its normal equations are sums over what it rated."""
        one, two = np.triu_indices(self.tastes)
        sums = rated @ (others[:, one] * others[:, two])
        equations = np.empty((left.shape[0], self.tastes, self.tastes), dtype=np.float32)
        equations[:, one, two] = equations[:, two, one] = sums
        equations += self.strength * np.eye(self.tastes, dtype=np.float32)
        return np.linalg.solve(equations, (left @ others)[:, :, None])[:, :, 0]

    def predict(self, X: pd.DataFrame) -> np.ndarray:  # type: ignore[type-arg]
        """Stars for rows of user and item."""
        user, item = np.asarray(X["user"], dtype=np.int64), np.asarray(X["item"], dtype=np.int64)
        known_user, known_item = (user >= 0) & (user < len(self.likes_)), (item >= 0) & (item < len(self.offers_))
        user, item = np.where(known_user, user, 0), np.where(known_item, item, 0)
        taste = (self.likes_[user].astype(np.float64) * self.offers_[item]).sum(axis=1)
        stars = self.mean_ + known_user * self.kindness_[user] + known_item * self.quality_[item]
        return np.clip(stars + taste * (known_user & known_item), 1.0, 5.0)


def _blocks(ratings: Dataset, every: int) -> Iterator[tuple[np.ndarray, ...]]:  # type: ignore[type-arg]
    """User, film and stars of the ratings that are learned from, a block at a time."""
    begin = 0
    for batch in ratings.batches(["user", "item", "stars"]):
        kept = np.arange(begin, begin + batch.num_rows) % every != 0
        begin += batch.num_rows
        yield tuple(column.to_numpy()[kept] for column in batch.columns)


def _last_of_each(films: np.ndarray, stars: np.ndarray, begins: np.ndarray) -> sparse.csr_array:  # type: ignore[type-arg]
    """The matrix with one entry for each user and film: the last one that came."""
    shape = (len(begins) - 1, ITEMS)
    filled = 0
    ends = np.zeros_like(begins)
    for user in range(0, shape[0], 20_000):
        block = slice(begins[user], begins[min(user + 20_000, shape[0])])
        rows = np.repeat(np.arange(user, min(user + 20_000, shape[0])), np.diff(begins[user : user + 20_001]))
        names = rows * ITEMS + films[block]
        order = np.argsort(names, kind="stable")
        last = order[np.r_[names[order][1:] != names[order][:-1], True]]
        films[filled : filled + len(last)] = films[block][last]
        stars[filled : filled + len(last)] = stars[block][last]
        filled += len(last)
        ends[user + 1 : user + 20_001] = np.bincount(rows[last] - user, minlength=len(ends[user + 1 : user + 20_001]))
    pointers = np.cumsum(ends).astype(np.int32)
    return sparse.csr_array((stars[:filled], films[:filled], pointers), shape=shape)
