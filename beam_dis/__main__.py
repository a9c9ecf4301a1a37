"""``python -m beam_dis``: the same as the command ``beam-dis``."""

import sys

from beam_dis.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
