"""How the server's process is started from a program: its command line and its folder.

Rules:

1. The child finds the standard library first, then this package and what is installed, then whatever else the parent can
   import. A file ``queue.py`` in the user's folder, which the parent finds first, doesn't replace the standard one.
2. The child ignores the options and variables of the parent's interpreter (``-I``), since ``PYTHONWARNINGS=error`` or
   ``PYTHONINSPECT`` would keep it from starting or from ending, and it runs no ``site`` (``-S``).
3. Its working directory is the root, because the parent's may be removed later.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from contextlib import suppress
from pathlib import Path

from beam_dis.errors import ConfigurationError

FOLDER = os.sep
"""The working directory of the child."""


def command(*arguments: str) -> list[str]:
    """The command line that runs ``beam-dis`` with ``arguments``.

    Raises:
        ConfigurationError: If this program doesn't know the path of its Python interpreter.
    """
    if not sys.executable:
        raise ConfigurationError(
            "LocalDIS starts a Python process, and sys.executable has no path in this program: set it to the interpreter, "
            "or run `beam-dis serve` yourself"
        )
    program = f"import sys; sys.path += {_import_path()!a}; from beam_dis.__main__ import main; sys.exit(main())"
    options = ["-I", "-S", "-X", "utf8", *(["-B"] if sys.dont_write_bytecode else [])]
    return [sys.executable, *options, "-c", program, *arguments]


def _import_path() -> list[str]:
    found = [str(Path(__file__).parents[2]), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    for entry in sys.path:
        if not isinstance(entry, str):
            continue  # such as a Path, which Python passes over too
        with suppress(OSError):  # a relative entry in a working directory that was removed
            found.append(os.path.abspath(entry))  # noqa: PTH100 - an entry may be empty, which means the working directory
    return list(dict.fromkeys(found))
