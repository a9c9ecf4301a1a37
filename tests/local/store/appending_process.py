"""A process that appends to a store and prints what was acknowledged: ``python appending_process.py FOLDER COUNT [LIMIT]``.

The data of a record is its partition and the number of its request. Once a request is acknowledged, a line
``request number number ...`` is printed, with one sequence number for each partition. COUNT is the number of requests, 0
for no end.

LIMIT is the greatest size of a file in bytes, which stands for a full disk. A failed request is printed as ``failed``; then
the limit is removed.
"""

import os
import resource
import sys
import threading
import time
from pathlib import Path

from beam_dis.local.store import StoreUnavailable, StreamDefinition, open_store

PARTITIONS = 4
UNDER_WAY = 8
PADDING = 2000


def main(folder, count, limit=0):
    store = open_store(Path(folder), clock=time.time)
    stream = (
        store.stream("p", "s")
        or store.create_stream("p", StreamDefinition(name="s", partition_count=PARTITIONS)).result()
    )
    under_way = threading.Semaphore(1 if count else UNDER_WAY)
    if limit:
        _limit_files(limit)
    request = 0
    while not count or request < count:
        under_way.acquire()
        datas = [b"%d %d" % (partition, request) + b" " * PADDING for partition in range(PARTITIONS)]
        appended = store.append(stream, list(range(PARTITIONS)), [None] * PARTITIONS, datas)
        appended.add_done_callback(_reporter(request, under_way))
        request += 1
    under_way.acquire()
    store.close()


def _reporter(request, under_way):
    def report(future):
        if isinstance(future.exception(), StoreUnavailable):
            _print("failed")
            _limit_files(resource.RLIM_INFINITY)
        else:
            _print(f"{request} " + " ".join(map(str, future.result())))
        under_way.release()

    return report


def _print(line):
    os.write(1, f"{line}\n".encode())


def _limit_files(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
