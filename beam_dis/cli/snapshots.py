"""``export --data`` and ``import --data``: a snapshot of a data folder, which a server may be using, and a data folder of a snapshot."""

from __future__ import annotations

import time
from pathlib import Path

import click

from beam_dis.cli.exits import Failed
from beam_dis.cli.output import print_json, progress_bar


def export_data(data: Path, file: Path, *, as_json: bool) -> None:
    """Write a snapshot of a data folder into a file, and say so."""
    from beam_dis.local.store import export_snapshot
    from beam_dis.local.store.failures import StoreError

    try:
        with progress_bar("Exporting records") as on_progress:
            snapshot = export_snapshot(data, file, now_ms=time.time_ns() // 1_000_000, on_progress=on_progress)
    except StoreError as error:
        raise Failed(str(error)) from error
    size = file.stat().st_size
    if as_json:
        print_json({"file": str(file), "streams": snapshot.streams, "records": snapshot.records, "bytes": size})
    else:
        click.echo(
            f"beam-dis: exported {snapshot.records} records of {snapshot.streams} streams into {file} ({size} bytes)"
        )


def import_data(file: Path, data: Path, *, as_json: bool) -> None:
    """Make a data folder of a snapshot, and say so."""
    from beam_dis.local.store import import_snapshot
    from beam_dis.local.store.failures import StoreError

    try:
        with progress_bar("Importing", in_bytes=True) as on_progress:
            snapshot = import_snapshot(file, data, on_progress=on_progress)
    except StoreError as error:
        raise Failed(str(error)) from error
    if as_json:
        made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(snapshot.created_ms / 1000))
        print_json({"data": str(data), "streams": snapshot.streams, "records": snapshot.records, "created": made})
    else:
        click.echo(f"beam-dis: imported {snapshot.records} records of {snapshot.streams} streams into {data}")
