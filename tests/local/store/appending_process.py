"""A process that appends to a store and says what was acknowledged: ``python appending_process.py FOLDER COUNT [LIMIT]``.

Every record's data is its partition and the request it came with. A line ``request number number ...`` is written to
standard output once a request is acknowledged, with one number for each of its partitions. Requests go on without end
where COUNT is 0. LIMIT is the size in bytes that files may have: the stand-in for a disk that is full; the first failure
is written as ``failed``, then the limit is lifted and requests go on.
"""

import os
import resource
import sys
import threading
import time
from pathlib import Path

from beam_dis.local.store import Entry, StoreUnavailable, StreamDefinition, open_store

PARTITIONS = 4
UNDER_WAY = 8
PADDING = 2000


def main(folder, count, limit=0):
    store = open_store(Path(folder), clock=time.time)
    stream = store.stream("p", "s") or store.create_stream("p", _definition()).result()
    under_way = threading.Semaphore(1 if count else UNDER_WAY)
    if limit:
        _limit_files(limit)
    request = 0
    while not count or request < count:
        under_way.acquire()
        entries = [Entry(partition, None, _data(partition, request)) for partition in range(PARTITIONS)]
        store.append(stream, entries).add_done_callback(_said(request, under_way))
        request += 1
    under_way.acquire()
    store.close()


def _definition():
    return StreamDefinition(name="s", partition_count=PARTITIONS)


def _data(partition, request):
    return b"%d %d" % (partition, request) + b" " * PADDING


def _said(request, under_way):
    def said(future):
        if isinstance(future.exception(), StoreUnavailable):
            _say("failed")
            _limit_files(resource.RLIM_INFINITY)
        else:
            _say(f"{request} " + " ".join(str(place.sequence_number) for place in future.result()))
        under_way.release()

    return said


def _say(line):
    os.write(1, f"{line}\n".encode())


def _limit_files(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
