"""How many records per second the local DIS stores durably and returns, and how long a put takes.

    python benchmarks/local_dis.py [--seconds 3] [--connections 1,16,128] [--data DIR] [--unsigned] [measurement ...]

The measurements are ``rates`` (puts and gets, in JSON and protobuf, of 500 x 200 B, 100 x 10 kB and 2 x 500 kB a request, 8 partitions),
``latency`` (of puts at half of the highest rate, and from a put until a reader that asks all the time has the record) and ``fsync``
(what it costs to flush each commit to disk: the same load on a server that doesn't, round by round). All run by default.

The load comes from a second process (``dis_load.py``), with keys that never repeat; every request is signed and verified. The results
depend on the machine; nothing passes or fails.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable

from changed_dis import changed_dis
from dis_load import ACCESS_KEY, SECRET_KEY, Job
from side_by_side import Measured, machine, measure

from beam_dis.local import LocalDIS

REQUESTS = {"200 B": (500, 200), "10 kB": (100, 10_000), "500 kB": (2, 500_000)}
KEYS = {"access_key": ACCESS_KEY, "secret_key": SECRET_KEY}
ROUNDS = 5
NO_FSYNC = (
    "from beam_dis.local.store import database; database._REQUIRED['synchronous'] = 0; database.WRITER_SETTINGS = tuple("
    "s.replace('synchronous=FULL', 'synchronous=OFF') for s in database.WRITER_SETTINGS); database._READER_SETTINGS = tuple("
    "s.replace('synchronous=FULL', 'synchronous=OFF') for s in database._READER_SETTINGS); "
)
"""What the process of the server runs first, to leave out the flushes."""


def main() -> None:
    """Print the tables that are asked for."""
    parser = argparse.ArgumentParser(
        description="How many records per second the local DIS stores durably and returns."
    )
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--connections", default="1,16,128")
    parser.add_argument("--unsigned", action="store_true", help="leave out signatures")
    parser.add_argument("--data", help="a folder on the disk to measure; default: a temporary one")
    parser.add_argument("measurements", nargs="*", metavar="measurement", help=f"of {', '.join(MEASUREMENTS)}")
    options = parser.parse_args()
    print(f"{machine()}; {'unsigned' if options.unsigned else 'signed'}")
    for name in options.measurements or MEASUREMENTS:
        print(f"\n{name}")
        MEASUREMENTS[name](options)


def rates(options: argparse.Namespace) -> None:
    """Puts, and then gets of what was put, on a server of its own for each size and encoding."""
    print(f"{'':6}{'size':>8}{'encoding':>10}{'connections':>13}{'records/s':>12}{'MB/s':>8}", end="")
    print(f"{'p50 ms':>9}{'p99 ms':>9}{'CPU us/record':>15}")
    for name, (records, size) in REQUESTS.items():
        for protocol in ("JSON", "protobuf"):
            with LocalDIS(options.data, **_keys(options)) as dis:
                for what in ("put", "get"):
                    for connections in map(int, options.connections.split(",")):
                        job = _job(dis, options, what, connections)._replace(
                            protocol=protocol, records=records, size=size
                        )
                        found = measure(dis.pid, job)
                        print(f"{what:6}{name:>8}{protocol:>10}{connections:>13}{found.rate:>12,.0f}", end="")
                        print(f"{found.rate * size / 1e6:>8,.0f}{_times(found)}{found.cpu:>15.2f}", flush=True)


def latency(options: argparse.Namespace) -> None:
    """Puts at half of the highest rate of four connections; single records 50 times a second, until they are read."""
    with LocalDIS(options.data, **_keys(options)) as dis:
        best = measure(dis.pid, _job(dis, options, "put", 4)).rate
        at_half = measure(dis.pid, _job(dis, options, "put", 4)._replace(rate=best / 2))
    with LocalDIS(options.data, **_keys(options)) as dis:
        single = _job(dis, options, "latency", 1)._replace(rate=50.0, records=1, partitions=1)
        until_read = measure(dis.pid, single)
    print(f"{'':44}{'p50 ms':>9}{'p99 ms':>9}")
    print(f"{f'put of 500 records, {at_half.rate:,.0f} records/s':44}{_times(at_half)}")
    print(f"{'put until get, 1 record, 50 a second':44}{_times(until_read)}")


def fsync(options: argparse.Namespace) -> None:
    """The same puts with and without flushes, alternating; medians."""
    print(
        f"{'connections':>11}{'flushed/s':>12}{'not flushed/s':>15}{'ratio':>7}{'p50 ms':>9}{'p50 ms not flushed':>20}"
    )
    with LocalDIS(options.data, **_keys(options)) as plain, changed_dis(NO_FSYNC, **_keys(options)) as unflushed:
        for connections in map(int, options.connections.split(",")):
            pairs = [
                [measure(dis.pid, _job(dis, options, "put", connections)) for dis in (plain, unflushed)]
                for _ in range(ROUNDS)
            ]
            rate, other = (statistics.median(pair[index].rate for pair in pairs) for index in (0, 1))
            p50, other_p50 = (statistics.median(pair[index].p50 for pair in pairs) for index in (0, 1))
            ratio = statistics.median(pair[0].rate / pair[1].rate for pair in pairs)
            print(
                f"{connections:>11}{rate:>12,.0f}{other:>15,.0f}{ratio:>7.2f}{p50:>9.1f}{other_p50:>20.1f}", flush=True
            )


def _job(dis: LocalDIS, options: argparse.Namespace, what: str, connections: int) -> Job:
    return Job(dis.endpoint, not options.unsigned, what, connections, options.seconds, 0.0)


def _keys(options: argparse.Namespace) -> dict[str, str]:
    return {} if options.unsigned else KEYS


def _times(found: Measured) -> str:
    return f"{found.p50:>9.1f}{found.p99:>9.1f}"


MEASUREMENTS: dict[str, Callable[[argparse.Namespace], None]] = {"rates": rates, "latency": latency, "fsync": fsync}


if __name__ == "__main__":
    main()
