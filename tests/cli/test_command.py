"""The command ``beam-dis``: its help loads little, and it names extras that aren't installed."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from beam_dis.cli.exits import Failed
from beam_dis.cli.main import COMMANDS, commands, main
from beam_dis.errors import ConfigurationError, WriteError
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
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert [name for name in COMMANDS if name not in shown] == []


def test_version_is_that_of_the_package():
    ended = subprocess.run([sys.executable, "-m", "beam_dis", "--version"], check=True, capture_output=True, text=True)
    assert ended.stdout == f"beam-dis {__version__}\n"
    assert main(["--version"]) == 0


def test_version_loads_no_library():
    program = "import sys\nsys.argv = ['beam-dis', '--version']\nfrom beam_dis.__main__ import main\nmain()\nprint(*sys.modules)"
    loaded = run(program).stdout.splitlines()[-1].split()
    assert {"click", "rich", "beam_dis.connection", "msgspec"} & set(loaded) == set()


def test_help_loads_no_command_and_neither_beam_nor_server_nor_client():
    program = "import sys\nfrom beam_dis.cli.main import main\nmain(['--help'])\nprint(*sys.modules)"
    loaded = run(program).stdout.splitlines()[-1].split()
    assert {"apache_beam", "uvicorn", "httpx", "msgspec", "rich", "beam_dis.cli.serve"} & set(loaded) == set()


def leaves(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for part, each in command.commands.items():
            yield from leaves(each, f"{name} {part}")
    else:
        yield name, command


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_the_summary_of_the_list_and_examples(name):
    command = commands.get_command(click.Context(commands), name)
    assert command.help.partition("\n")[0] == COMMANDS[name][1]
    assert [part for part, leaf in leaves(command, name) if f"beam-dis {part}" not in (leaf.epilog or "")] == []


@pytest.mark.parametrize("missing", ["uvicorn", "starlette", "httptools"])
def test_a_command_names_the_extra_that_it_needs(tmp_path, missing):
    ended = run(WITHOUT.format(missing=missing, arguments=["serve", "--data", str(tmp_path)]))
    assert (ended.returncode, ended.stderr) == (
        1,
        f"beam-dis: error: serve needs {missing}: pip install 'beam-dis[local]'\n",
    )


def test_without_click_the_command_says_what_to_install():
    program = "import sys\nsys.modules['click'] = None\nsys.argv = ['beam-dis', 'serve']\nfrom beam_dis.__main__ import main\nsys.exit(main())"
    ended = run(program)
    assert (ended.returncode, ended.stderr) == (
        1,
        "beam-dis: error: the command line needs click: pip install 'beam-dis[cli]'\n",
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["fly"], "beam-dis: error: No such command 'fly' (see beam-dis --help)"),
        (["serve"], "beam-dis serve: error: Missing option '--data' (see beam-dis serve --help)"),
        (
            ["serve", "--data", "d", "--port", "70000"],
            "beam-dis serve: error: Invalid value for '--port': '70000' is not a port: give 0 to 65535 (see beam-dis serve --help)",
        ),
        (["check"], "beam-dis check: error: Missing option '--data' (see beam-dis check --help)"),
    ],
)
def test_wrong_arguments_are_one_line_and_status_2(arguments, said, capsys):
    assert main(arguments) == 2
    assert capsys.readouterr().err == f"{said}\n"


def test_without_arguments_the_help_is_shown(capsys):
    assert main([]) == 2
    assert "Commands:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("raised", "status", "said"),
    [
        (Failed("no such\nfile"), 1, "beam-dis: error: no such file\n"),
        (ConfigurationError("wrong"), 2, "beam-dis: error: wrong\n"),
        (WriteError("refused"), 1, "beam-dis: error: refused\n"),
        (KeyboardInterrupt(), 130, "\n"),
    ],
)
def test_a_failure_is_one_line_and_an_exit_status(raised, status, said, capsys, monkeypatch):
    @click.command()
    def failing():
        raise raised

    monkeypatch.setattr(commands, "get_command", lambda *_: failing)
    assert main(["check"]) == status
    assert capsys.readouterr().err == said


def test_a_reader_that_ends_early_is_no_failure():
    program = (
        "import sys, click\nfrom beam_dis.cli import main as at\n"
        "@click.command()\ndef many():\n    for n in range(100000): click.echo(n)\n"
        "at.commands.get_command = lambda *_: many\nsys.exit(at.main(['check']))"
    )
    line = f"{shlex.quote(sys.executable)} -c {shlex.quote(program)} | head -1; exit ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", line], check=False, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "0\n", "")


def run_without(number: int, arguments: str) -> subprocess.CompletedProcess[str]:
    line = f"{shlex.quote(sys.executable)} -m beam_dis {arguments} {number}>&-"
    return subprocess.run(["bash", "-c", line], check=False, capture_output=True, text=True, timeout=60)


def test_a_command_runs_without_its_standard_streams(local_dis, no_keys):
    at = f"--endpoint {local_dis.endpoint} --project {local_dis.project_id}"
    asked = run_without(0, f"streams rm s {at}")
    assert (asked.returncode, "add --yes" in asked.stderr) == (1, True)
    silent = run_without(1, f"streams ls {at}")
    assert (silent.returncode, silent.stderr) == (0, "")
    failed = run_without(2, f"streams describe missing {at}")
    assert (failed.returncode, failed.stdout) == (1, "")


def test_a_reader_of_the_help_may_end_early():
    program = (
        "import sys, os\nfrom beam_dis.cli import main as at\nclosed, out = os.pipe()\nos.close(closed)\nos.dup2(out, 1)\n"
        "sys.exit(at.main(['--help']))"
    )
    ended = run(program)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_ctrl_c_during_the_imports_has_the_status_of_ctrl_c():
    program = (
        "import sys, signal\nfrom beam_dis import __main__\n"
        "class Pressed:\n    def find_spec(self, name, *_):\n        if name == 'click': signal.raise_signal(signal.SIGINT)\n"
        "sys.meta_path.insert(0, Pressed())\nsys.argv = ['beam-dis', 'streams', 'ls']\nsys.exit(__main__.main())"
    )
    ended = run(program)
    assert (ended.returncode, ended.stderr) == (130, "")
