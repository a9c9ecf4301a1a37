"""Stops a server when the process that started it ends.

Rules:

1. The parent has ended when standard input ends, because the pipes of a killed process are closed too.
2. On Linux the kernel also sends a signal, which is needed if a child of the parent keeps the pipe open. That signal comes
   when the *thread* that started us ends, so we check whether the parent process itself has ended.
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
    """Call ``stop`` once standard input or the parent process has ended. To be called in the main thread."""
    threading.Thread(target=_await_end_of_input, args=(stop,), name="parent", daemon=True).start()
    if sys.platform == "linux":
        _await_signal(stop)


def _await_end_of_input(stop: Callable[[], None]) -> None:
    with suppress(OSError):
        while os.read(0, 4096):
            pass
    stop()


def _await_signal(stop: Callable[[], None]) -> None:
    parent = os.getppid()

    def check(*_: object) -> None:
        if os.getppid() != parent:
            stop()

    signal.signal(signal.SIGUSR1, check)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGUSR1)
