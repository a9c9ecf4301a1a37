"""A clock that never waits, and a Sender that runs on it."""

import random
import threading

from beam_dis.write.sender import Sender


class FakeTime:
    """A clock that advances only by sleeping, without waiting."""

    def __init__(self):
        self.now = 0.0
        self.slept = []
        self._lock = threading.Lock()

    def clock(self):
        return self.now

    def sleep(self, seconds):
        with self._lock:
            self.now += seconds
            self.slept.append(seconds)


def in_memory_sender(service, *, time=None, **settings):
    """A Sender that doesn't really sleep."""
    time = time or FakeTime()
    return Sender(service.write, clock=time.clock, sleep=time.sleep, random=random.Random(0).random, **settings)
