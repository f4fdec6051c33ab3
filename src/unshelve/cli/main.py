"""The command `unshelve`. Each verb is a file beside this one and is loaded when it is used."""

from __future__ import annotations

import sys
from importlib import import_module

import click
import typer

from unshelve import __version__
from unshelve.cli.output import Output, report
from unshelve.errors import UnshelveError

VERBS: dict[str, tuple[str, str]] = {
    "up": ("unshelve.cli.up", "A solution folder to a running, signed-in solution: run, gate, prove, release, serve."),
    "new": ("unshelve.cli.new", "A small solution to start from."),
    "check": ("unshelve.cli.check", "What can be found in a solution before anything runs."),
    "run": ("unshelve.cli.run", "The pipeline, from the sources to the release."),
    "schema": ("unshelve.cli.schema", "The Schema of a model as a file that you own."),
    "predict": ("unshelve.cli.predict", "Score a CSV, Parquet, Excel or JSON-lines file."),
    "models": ("unshelve.cli.models", "Models and endpoints, and which version of each answers."),
    "runs": ("unshelve.cli.runs", "What has run."),
    "promote": ("unshelve.cli.promote", "Let an accepted version answer."),
    "rollback": ("unshelve.cli.rollback", "Let the version before the present one answer again."),
    "retire": ("unshelve.cli.retire", "Let no version of a model answer any more."),
    "key": ("unshelve.cli.key", "API keys: create, list, revoke."),
    "user": ("unshelve.cli.user", "Users: invite, list, change the role of, remove."),
    "audit": ("unshelve.cli.audit", "Who changed what, and whether the chain is whole."),
    "fsck": ("unshelve.cli.fsck", "Check all that is stored."),
}
"""Verb -> its module, which has a function `command`, and one line of help."""


class Verbs(click.Group):
    """The verbs, each imported only when it is used or its own help is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = import_module(VERBS[cmd_name][0])
        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        if hasattr(module, "commands"):
            for name, function in module.commands.items():
                app.command(name)(function)
            app.callback()(_nothing)
        else:
            app.command(cmd_name)(module.command)
        found = typer.main.get_command(app)
        found.name = cmd_name
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in VERBS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in VERBS:
            import difflib

            near = difflib.get_close_matches(name, VERBS, n=2)
            said = f" Did you mean {' or '.join(near)}?" if near else ""
            ctx.fail(f"There is no command {name!r}.{said}")
        return super().resolve_command(ctx, args)


def _nothing() -> None:
    """See the commands below."""


def _version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        click.echo(f"unshelve {__version__}")
        ctx.exit()


APP = Verbs(
    name="unshelve",
    help="From a data scientist's functions to a running, signed-in, monitored AI solution.",
    params=[
        click.Option(
            ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Say the version."
        )
    ],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    no_args_is_help=True,
)


def main() -> None:
    """Run the command; exits 0 when done, 1 when refused or failed for a stated reason, 2 for wrong usage."""
    output = Output.JSON if "--json" in sys.argv[1:] else Output.PEOPLE
    try:
        code = APP.main(standalone_mode=False)
    except UnshelveError as error:
        report(error, output)
        raise SystemExit(1) from None
    except click.ClickException as error:
        error.show()
        raise SystemExit(2) from None
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        raise SystemExit(1) from None
    raise SystemExit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
