"""Ends ``beam-dis serve`` on a signal that comes before the server handles signals itself.

This module imports nothing but the standard library's ``signal`` and ``os``, because it is used before all other imports.
"""

from __future__ import annotations

import os
import signal

STOPPING = (signal.SIGTERM, signal.SIGINT)


def end_on_signals() -> None:
    """End the process with exit status 0 on SIGTERM or SIGINT, at once.

    Nothing is lost: until the server runs, no change has been acknowledged. An exception instead would be lost if the signal
    came during a callback that ignores exceptions, as the import system has. Signals that the parent process had blocked are
    let through.
    """
    for number in STOPPING:
        signal.signal(number, lambda *_: os._exit(0))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [*STOPPING, signal.SIGUSR1])
