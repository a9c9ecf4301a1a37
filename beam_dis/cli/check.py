"""``beam-dis check``: reads all that a local DIS holds, and says what is damaged."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from beam_dis.cli.failure import FAILED, fail

SUMMARY = "read every record of a local DIS that isn't running, and say what is damaged"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What ``check`` takes."""
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="the folder given to serve")


def run(options: argparse.Namespace) -> int:
    """Check; 1 where something is damaged."""
    from beam_dis.local.store import StoreError, open_store

    if not options.data.is_dir():
        return fail(f"{options.data} is not a folder: give the one that serve was given")
    try:
        # a check that let records expire would report them as missing, and change what it looks at
        store = open_store(options.data, clock=time.time, housekeeping_interval=None)
    except StoreError as error:
        return fail(error)
    try:
        problems = store.check()
    finally:
        store.close()
    for problem in problems:
        print(problem)
    print(f"beam-dis: {len(problems)} problems in {options.data}" if problems else f"beam-dis: {options.data} is sound")
    return FAILED if problems else 0
