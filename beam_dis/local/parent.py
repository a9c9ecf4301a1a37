"""A server that ends when the process that started it does.

Law: the end of standard input is the end of the parent, everywhere; a killed parent closes its pipes too. On Linux the
kernel also tells us, for parents whose pipe a child of theirs holds open. It tells us when the *thread* that started us
ends, so we ask whether the process is still there.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress

_PR_SET_PDEATHSIG = 1


def stop_with_parent(stop: Callable[[], None]) -> None:
    """Call ``stop`` once standard input ends, or the parent process has died. To be called in the main thread."""
    threading.Thread(target=_await_end_of_input, args=(stop,), name="parent", daemon=True).start()
    if sys.platform == "linux":
        _await_death_signal(stop)


def _await_end_of_input(stop: Callable[[], None]) -> None:
    with suppress(OSError):
        while os.read(0, 4096):
            pass
    stop()


def _await_death_signal(stop: Callable[[], None]) -> None:
    parent = os.getppid()

    def check(*_: object) -> None:
        if os.getppid() != parent:
            stop()

    signal.signal(signal.SIGUSR1, check)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGUSR1)
