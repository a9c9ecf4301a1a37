"""``beam-dis``: finds the command and runs it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from beam_dis.cli import check, serve
from beam_dis.cli.failure import fail
from beam_dis.version import __version__

COMMANDS = {"serve": serve, "check": check}

_EXTRAS = {"httptools": "local", "jinja2": "local", "starlette": "local", "uvicorn": "local"}
"""Optional library → the extra that installs it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status; 130 after Ctrl-C."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except ModuleNotFoundError as missing:
        library = (missing.name or "").partition(".")[0]
        if library not in _EXTRAS:
            raise
        return fail(f"{options.command} needs {library}: pip install 'beam-dis[{_EXTRAS[library]}]'")
    except KeyboardInterrupt:
        return 130
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="beam-dis", description="Data Ingestion Service (DIS) on the command line.")
    parser.add_argument("--version", action="version", version=f"beam-dis {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, module in COMMANDS.items():
        summary = module.SUMMARY
        command = commands.add_parser(name, help=summary, description=summary)
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser
