"""The command `unshelve`. Each verb is a file beside this one and is loaded when it is used."""

from __future__ import annotations

import difflib
import sys
import traceback
from importlib import import_module
from typing import Annotated, Final

import typer

from unshelve import __version__
from unshelve.cli.output import Output, report, say
from unshelve.errors import UnshelveError

VERBS: dict[str, tuple[str, str]] = {
    "up": ("unshelve.cli.up", "Run, prove, release and serve solution folders."),
    "new": ("unshelve.cli.new", "A small solution to start from."),
    "check": ("unshelve.cli.check", "What is wrong with a solution, before anything runs."),
    "run": ("unshelve.cli.run", "The pipeline, from the sources to the release."),
    "serve": ("unshelve.cli.serve", "What a home knows already, without running first."),
    "predict": ("unshelve.cli.predict", "Score a CSV, Parquet, Excel or JSON-lines file."),
    "schema": ("unshelve.cli.schema", "The Schema of a model as a file that you own."),
    "profile": ("unshelve.cli.profile", "What tables look like, and what to expect of them."),
    "models": ("unshelve.cli.models", "Models and endpoints, and which version answers."),
    "runs": ("unshelve.cli.runs", "What has run, and why each step ran."),
    "promote": ("unshelve.cli.promote", "Let an accepted version answer."),
    "rollback": ("unshelve.cli.rollback", "Let the version before it answer again."),
    "retire": ("unshelve.cli.retire", "Let no version of a model answer any more."),
    "lift": ("unshelve.cli.lift", "A notebook into a solution, proven to compute the same."),
    "key": ("unshelve.cli.key", "API keys: create, list, revoke."),
    "user": ("unshelve.cli.user", "People: invite, link, list, role, remove, restore."),
    "login": ("unshelve.cli.login", "A link that signs in, once."),
    "secret": ("unshelve.cli.secret", "Secrets that sources need: set, list, remove."),
    "sink": ("unshelve.cli.sink", "Answers that are written back: run, list."),
    "webhook": ("unshelve.cli.webhook", "Addresses that are told of events: add, list, test, replay."),
    "audit": ("unshelve.cli.audit", "Who changed what, and whether the chain is whole."),
    "fsck": ("unshelve.cli.fsck", "Check all that is stored."),
    "gc": ("unshelve.cli.gc", "Remove stored bytes that nothing needs."),
    "backup": ("unshelve.cli.backup", "A home as it is now, into a folder, while it is served."),
    "restore": ("unshelve.cli.restore", "A new home from a backup."),
    "move": ("unshelve.cli.move", "Database and blobs to other places, and back."),
}
"""Verb -> its module, which has a function `command` or a table COMMANDS, and one line of help."""

_INTERRUPTED: Final = 130
"""What typer makes of Ctrl-C."""


def main() -> None:
    """Run the command; exits 0 when done, 1 when refused or failed for a stated reason, 2 for wrong usage."""
    arguments = sys.argv[1:]
    output = Output.JSON if "--json" in arguments else Output.PEOPLE
    verb = next((each for each in arguments if not each.startswith("-")), "")
    if verb and verb not in VERBS:
        near = difflib.get_close_matches(verb, VERBS, n=2)
        said = f" Did you mean {' or '.join(near)}?" if near else ""
        say(f"unshelve: there is no command {verb!r}.{said} `unshelve --help` lists them.")
        raise SystemExit(2)
    try:
        application(verb)()
    except UnshelveError as error:
        report(error, output)
        raise SystemExit(1) from None
    except Exception as error:  # noqa: BLE001  the edge of the command line: said in full, and exit 1
        mistake = UnshelveError(
            f"A mistake in unshelve: {type(error).__name__}: {error}",
            code="unexpected",
            details={"traceback": traceback.format_exc()},
        )
        report(mistake, output)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise _stopped(output) from None
    except SystemExit as ended:
        raise (_stopped(output) if ended.code == _INTERRUPTED else ended) from None


def _stopped(output: Output) -> SystemExit:
    report(UnshelveError("Stopped from the keyboard.", code="stopped"), output)
    return SystemExit(1)


def application(verb: str) -> typer.Typer:
    """The command line with one verb loaded and the others named: help need not import them all."""
    app = typer.Typer(
        name="unshelve",
        help="From a data scientist's functions to a running, signed-in, monitored AI solution.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    )
    app.callback()(_options)
    for name, (module, about) in VERBS.items():
        if name != verb:
            app.command(name, help=about)(_not_loaded)
            continue
        loaded = import_module(module)
        commands = getattr(loaded, "COMMANDS", None)
        if commands is None:
            app.command(name)(loaded.command)
        else:
            group = typer.Typer(help=about, no_args_is_help=True, rich_markup_mode=None)
            for sub, function in commands.items():
                group.command(sub)(function)
            app.add_typer(group, name=name)
    return app


def _options(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=lambda wanted: _say_version(wanted), help="The version."),
    ] = False,
) -> None:
    """From a data scientist's functions to a running, signed-in, monitored AI solution."""


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"unshelve {__version__}")
        raise typer.Exit


def _not_loaded() -> None:
    """Stands for a verb that was not asked for."""


if __name__ == "__main__":
    main()
