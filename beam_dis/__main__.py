"""``beam-dis``, also as ``python -m beam_dis``."""

from __future__ import annotations

import sys

from beam_dis.cli.signals import end_on_signals


def main() -> int:
    """Run the command line and return its exit status."""
    if sys.argv[1:2] == ["serve"]:
        end_on_signals()  # before the imports, which take most of the time until the server runs
    from beam_dis.cli.main import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
