"""The command ``beam-dis``: its help loads little, and it names extras that aren't installed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from beam_dis.cli.main import COMMANDS, main
from beam_dis.version import __version__

WITHOUT = """
import sys
sys.modules[{missing!r}] = None
from beam_dis.cli.main import main
sys.exit(main({arguments!r}))
"""


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True, timeout=60)


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    shown = capsys.readouterr().out
    assert [name for name in COMMANDS if name not in shown] == []


def test_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"beam-dis {__version__}\n"


def test_help_loads_neither_beam_nor_server_nor_client():
    program = "import sys\nfrom beam_dis.cli.main import main\ntry: main(['--help'])\nexcept SystemExit: pass\nprint(*sys.modules)"
    loaded = run(program).stdout.splitlines()[-1].split()
    assert {"apache_beam", "uvicorn", "httpx", "msgspec"} & set(loaded) == set()


@pytest.mark.parametrize("missing", ["uvicorn", "starlette", "httptools"])
def test_a_command_names_the_extra_that_it_needs(tmp_path, missing):
    ended = run(WITHOUT.format(missing=missing, arguments=["serve", "--data", str(tmp_path)]))
    assert (ended.returncode, ended.stderr) == (
        1,
        f"beam-dis: error: serve needs {missing}: pip install 'beam-dis[local]'\n",
    )


@pytest.mark.parametrize("arguments", [[], ["fly"], ["serve"], ["serve", "--data", "d", "--port", "70000"]])
def test_wrong_arguments_end_with_the_usage(arguments, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert capsys.readouterr().err.startswith("usage: beam-dis")
