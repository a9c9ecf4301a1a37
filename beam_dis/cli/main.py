"""``beam-dis``: finds the command, imports its file and runs it."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from beam_dis.cli.exits import DONE, INTERRUPTED, USAGE, Failed, fail
from beam_dis.errors import ConfigurationError, DISError
from beam_dis.version import __version__

COMMANDS = {
    "api": ("api:api", "Call an operation of the API, and print the answer."),
    "apps": ("apps:apps", "List, create, describe, reset and delete apps."),
    "bench": ("bench:bench", "Measure the rates and the times of puts and gets."),
    "check": ("check:check", "Read all data of a stopped local DIS and report damage."),
    "clock": ("clock:clock", "Show the clock of a local DIS, and move it forward."),
    "copy": ("copying:copy", "Copy a stream from one DIS to another, with its order."),
    "dead-letters": ("dead_letters:dead_letters", "Put dead letters into their streams again."),
    "export": ("exporting:export", "Write the records of a stream, or a snapshot of a data folder, into a file."),
    "faults": ("faults:faults", "Inject faults into a local DIS, list and clear them."),
    "import": ("importing:import_", "Put the records of a file into a stream, or make a data folder from a snapshot."),
    "lag": ("lag:lag", "Show how far an app is behind in each partition of a stream."),
    "put": ("put:put", "Write arguments, lines, JSON or CSV to a stream."),
    "serve": ("serve:serve", "Run a durable local DIS, or a local V3IO."),
    "streams": ("streams:streams", "List, create, describe, scale, change and delete streams."),
    "tail": ("tail:tail", "Show the records of a stream, and those that arrive."),
    "top": ("top:top", "Show the rates, hot partitions and lags of streams, again and again."),
}
"""Command → its module in this folder with its function, and its summary, so that help imports no command."""

_EXTRAS = {
    "cramjam": "local",
    "httptools": "local",
    "jinja2": "local",
    "prometheus_client": "local",
    "rich": "cli",
    "starlette": "local",
    "uvicorn": "local",
}
"""Optional library → the extra that installs it."""


class _Commands(click.Group):
    """The commands of ``COMMANDS``, each imported when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, function = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(f"beam_dis.cli.{module}"), function)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            _print_nothing_more()
            return DONE

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        try:
            return super().make_context(*args, **kwargs)
        except BrokenPipeError:  # of --help
            _print_nothing_more()
            raise click.exceptions.Exit(DONE) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    epilog='Completion of bash: eval "$(_BEAM_DIS_COMPLETE=bash_source beam-dis)"; of zsh and fish: zsh_source, fish_source.',
)
@click.version_option(__version__, prog_name="beam-dis", message="%(prog)s %(version)s")
def commands() -> None:
    """Data Ingestion Service (DIS) on the command line, for the cloud and for a local DIS."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        # a command returns its exit status, or None if it did what it was asked to do
        status = int(commands.main(arguments, prog_name="beam-dis", standalone_mode=False) or DONE)
    except click.UsageError as wrong:
        status = _usage(wrong)
    except (click.Abort, KeyboardInterrupt):
        status = INTERRUPTED
    except ModuleNotFoundError as missing:
        library = (missing.name or "").partition(".")[0]
        if library not in _EXTRAS:
            raise
        command = next((argument for argument in arguments if argument in COMMANDS), "beam-dis")
        status = fail(f"{command} needs {library}: pip install 'beam-dis[{_EXTRAS[library]}]'")
    except ConfigurationError as error:
        fail(error)
        status = USAGE
    except (click.ClickException, Failed, DISError, OSError) as error:
        status = fail(error)
    return status


def _print_nothing_more() -> None:
    """The reader of standard output has ended, such as head, and has what it wanted."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _usage(wrong: click.UsageError) -> int:
    """Say what is wrong with the arguments in one line, and where the help is."""
    command = wrong.ctx.command_path if wrong.ctx else "beam-dis"
    if isinstance(wrong, click.exceptions.NoArgsIsHelpError):
        click.echo(wrong.format_message(), err=True)
        return USAGE
    message = " ".join(wrong.format_message().split()).rstrip(".")
    fail(f"{message} (see {command} --help)", command)
    return USAGE
