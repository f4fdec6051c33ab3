"""The permission table: complete, monotone, and with the exceptions that it states."""

from __future__ import annotations

import pytest

from unshelve.errors import NotAllowed, SignInNeeded
from unshelve.security.actors import LOCAL, Actor, ActorKind, Role
from unshelve.security.permissions import FORBIDDEN, MINIMUM, Action, allowed, require


def actor(role: Role, kind: ActorKind = ActorKind.PERSON) -> Actor:
    return Actor(id="x", name="ada", role=role, kind=kind)


def test_every_action_has_a_row_and_every_kind_of_actor_too() -> None:
    assert set(MINIMUM) == set(Action)
    assert set(FORBIDDEN) == set(ActorKind)


def test_without_an_actor_only_the_public_action_is_allowed() -> None:
    assert {action for action in Action if allowed(None, action)} == {Action.ENTER}


@pytest.mark.parametrize("kind", ActorKind)
def test_a_higher_role_may_do_all_that_a_lower_one_may(kind: ActorKind) -> None:
    may = [{action for action in Action if allowed(actor(role, kind), action)} for role in Role]
    assert may[0] <= may[1] <= may[2]


def test_what_each_role_may_do() -> None:
    viewer = {action for action in Action if allowed(actor(Role.VIEWER), action)}
    user = {action for action in Action if allowed(actor(Role.USER), action)}
    assert viewer == {Action.ENTER, Action.SEE, Action.OWN_ACCOUNT, Action.SEE_METRICS}
    assert user - viewer == {
        Action.ASK,
        Action.UPLOAD,
        Action.GIVE_OUTCOMES,
        Action.REVIEW,
        Action.SEE_LOG,
        Action.TRY_VERSION,
        Action.OWN_KEYS,
    }
    assert all(allowed(actor(Role.OWNER), action) for action in Action)


def test_the_person_at_the_machine_may_do_everything() -> None:
    assert all(allowed(LOCAL, action) for action in Action)


def test_a_key_of_an_owner_can_make_no_keys_and_no_users() -> None:
    key = actor(Role.OWNER, ActorKind.KEY)
    assert {action for action in Action if not allowed(key, action)} == {
        Action.OWN_ACCOUNT,
        Action.OWN_KEYS,
        Action.MANAGE_KEYS,
        Action.MANAGE_USERS,
        Action.MANAGE_SECRETS,
        Action.MANAGE_WEBHOOKS,
    }


def test_the_proof_may_only_ask() -> None:
    prover = actor(Role.OWNER, ActorKind.PROVER)
    assert {action for action in Action if allowed(prover, action)} == {Action.ENTER, Action.ASK, Action.TRY_VERSION}


def test_an_unknown_caller_is_told_to_sign_in() -> None:
    with pytest.raises(SignInNeeded, match="Authorization: Bearer"):
        require(None, Action.ASK)


def test_a_refusal_says_which_role_it_takes() -> None:
    with pytest.raises(NotAllowed, match=r"ada is viewer here, and this \(release\) needs the role owner"):
        require(actor(Role.VIEWER), Action.RELEASE)


def test_roles_are_ordered() -> None:
    assert Role.OWNER.at_most(Role.USER) is Role.USER
    assert Role.VIEWER.at_most(Role.USER) is Role.VIEWER
