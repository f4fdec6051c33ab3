"""The way in, and who may do what: sign-in, accounts, users, keys, the audit chain."""

from __future__ import annotations

from typing import Final

from unshelve.security.permissions import Action
from unshelve.web.pages import entering, house, people
from unshelve.web.route import Route, Takes

PEOPLE: Final = (
    Route(method="GET", path="/static/{name}", action=Action.ENTER, handler=house.static, name="static"),
    Route(method="POST", path="/theme", action=Action.ENTER, handler=house.theme, name="theme", takes=Takes.FORM),
    Route(method="GET", path="/health/live", action=Action.ENTER, handler=house.live, name="live"),
    Route(method="GET", path="/health/ready", action=Action.ENTER, handler=house.ready, name="ready"),
    Route(method="GET", path="/gallery", action=Action.SEE, handler=house.gallery, name="gallery"),
    Route(method="GET", path="/sign-in", action=Action.ENTER, handler=entering.sign_in, name="sign-in"),
    Route(
        method="POST",
        path="/sign-in",
        action=Action.ENTER,
        handler=entering.sign_in_by_password,
        name="sign-in-by-password",
        takes=Takes.FORM,
    ),
    Route(method="GET", path="/sign-in/link/{secret}", action=Action.ENTER, handler=entering.link, name="link"),
    Route(
        method="POST",
        path="/sign-in/link/{secret}",
        action=Action.ENTER,
        handler=entering.sign_in_by_link,
        name="sign-in-by-link",
        takes=Takes.FORM,
    ),
    Route(
        method="POST",
        path="/sign-out",
        action=Action.OWN_ACCOUNT,
        handler=entering.sign_out,
        name="sign-out",
        takes=Takes.FORM,
    ),
    Route(method="GET", path="/welcome", action=Action.OWN_ACCOUNT, handler=entering.welcome, name="welcome"),
    Route(
        method="POST",
        path="/welcome",
        action=Action.OWN_ACCOUNT,
        handler=entering.choose_password,
        name="choose-password",
        takes=Takes.FORM,
    ),
    Route(method="GET", path="/me", action=Action.OWN_ACCOUNT, handler=entering.account, name="account", twin=True),
    Route(
        method="POST",
        path="/me/password",
        action=Action.OWN_ACCOUNT,
        handler=entering.change_password,
        name="change-password",
        takes=Takes.FORM,
    ),
    Route(method="GET", path="/users", action=Action.MANAGE_USERS, handler=people.people, name="users", twin=True),
    Route(
        method="POST",
        path="/users",
        action=Action.MANAGE_USERS,
        handler=people.invite,
        name="invite",
        takes=Takes.FORM,
    ),
    Route(
        method="POST",
        path="/users/{user}/link",
        action=Action.MANAGE_USERS,
        handler=people.new_link,
        name="new-link",
        takes=Takes.FORM,
    ),
    Route(
        method="POST",
        path="/users/{user}/role",
        action=Action.MANAGE_USERS,
        handler=people.set_role,
        name="set-role",
        takes=Takes.FORM,
    ),
    Route(
        method="POST",
        path="/users/{user}/disable",
        action=Action.MANAGE_USERS,
        handler=people.lock,
        name="lock",
        takes=Takes.FORM,
    ),
    Route(
        method="POST",
        path="/users/{user}/enable",
        action=Action.MANAGE_USERS,
        handler=people.unlock,
        name="unlock",
        takes=Takes.FORM,
    ),
    Route(method="GET", path="/keys", action=Action.OWN_KEYS, handler=people.key_list, name="keys", twin=True),
    Route(
        method="POST", path="/keys", action=Action.OWN_KEYS, handler=people.make_key, name="make-key", takes=Takes.FORM
    ),
    Route(
        method="POST",
        path="/keys/{key}/revoke",
        action=Action.OWN_KEYS,
        handler=people.revoke_key,
        name="revoke-key",
        takes=Takes.FORM,
    ),
    Route(method="GET", path="/audit", action=Action.SEE_AUDIT, handler=people.audit_chain, name="audit", twin=True),
)
