"""``beam-dis``, also as ``python -m beam_dis``."""

from __future__ import annotations

import sys

from beam_dis.cli.closed_streams import open_closed_streams
from beam_dis.cli.exits import INTERRUPTED, fail
from beam_dis.cli.signals import end_on_signals
from beam_dis.version import __version__


def main() -> int:
    """Run the command line and return its exit status."""
    arguments = sys.argv[1:]
    open_closed_streams()
    if arguments == ["--version"]:
        sys.stdout.write(f"beam-dis {__version__}\n")
        return 0
    if arguments[:1] == ["serve"]:
        end_on_signals()  # before the imports, which take most of the time until the server runs
    try:
        from beam_dis.cli.main import main as run
    except ModuleNotFoundError as missing:
        if missing.name != "click":
            raise
        return fail("the command line needs click: pip install 'beam-dis[cli]'")
    except KeyboardInterrupt:  # during the imports
        return INTERRUPTED
    return run()


if __name__ == "__main__":
    sys.exit(main())
