"""``beam-dis check``: reads all data of a stopped local DIS and reports damage."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from beam_dis.cli.failure import FAILED, fail

SUMMARY = "read all data of a stopped local DIS and report damage"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``check``."""
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="the folder that was given to serve")


def run(options: argparse.Namespace) -> int:
    """Check the data; the exit status is 1 if something is damaged, or if there are no data."""
    from beam_dis.local.store import StoreError, has_store, open_store

    if not options.data.is_dir():
        return fail(f"{options.data} is not a folder: give the folder that was given to serve")
    if not has_store(options.data):
        return fail(f"there is no store in {options.data}: give the folder that was given to serve")
    try:
        # housekeeping would delete expired records: a check changes nothing
        store = open_store(options.data, clock=time.time, housekeeping_interval=None)
    except StoreError as error:
        return fail(error)
    try:
        problems = store.check()
    finally:
        store.close()
    for problem in problems:
        print(problem)
    print(
        f"beam-dis: problems in {options.data}: {len(problems)}"
        if problems
        else f"beam-dis: no damage in {options.data}"
    )
    return FAILED if problems else 0
