"""A signal ends ``beam-dis serve`` at any moment of its start."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

SIGNALS = [signal.SIGTERM, signal.SIGINT]

AT_A_MOMENT = """
import os, sys
sys.argv = ["beam-dis", "serve", "--port", "0", "--data", {data!r}]
from beam_dis.__main__ import main
def wrap(module, name, when):
    original = getattr(module, name)
    def wrapped(*arguments, **named):
        if when == "before":
            os.kill(os.getpid(), {number})
        result = original(*arguments, **named)
        if when == "after":
            os.kill(os.getpid(), {number})
        return result
    setattr(module, name, wrapped)
{moment}
sys.exit(main())
"""

MOMENTS = {
    "arguments": "import beam_dis.cli.main as at; wrap(at.commands, 'main', 'before')",
    "opening": "import beam_dis.local.http.server as at; wrap(at, 'open_store', 'before')",
    "opened": "import beam_dis.local.http.server as at; wrap(at, 'open_store', 'after')",
    "listening": "import beam_dis.local.http.server as at; wrap(at, 'listen', 'after')",
    "before the loop": "import beam_dis.local.http.server as at; wrap(at, 'run', 'before')",
    "importing": "import logging; wrap(logging, 'getLogger', 'after')",
    "handlers set": "import beam_dis.local.http.server as at; wrap(at.AppServer, 'run', 'before')",
    "in the loop": "import beam_dis.local.http.server as at; wrap(at.AppServer, 'capture_signals', 'after')",
    "ready": "import beam_dis.local.http.server as at; wrap(at, 'endpoint_of', 'after')",
    "closing": "import beam_dis.local.http.server as at, beam_dis.local.store as store\n"
    "wrap(at, 'endpoint_of', 'after'); wrap(store.Store, 'close', 'before')",
    "closed": "import beam_dis.local.http.server as at, beam_dis.local.store as store\n"
    "wrap(at, 'endpoint_of', 'after'); wrap(store.Store, 'close', 'after')",
}


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_signal_at_a_moment_of_the_start_ends_it_with_status_0(tmp_path, moment, number):
    program = AT_A_MOMENT.format(data=str(tmp_path / "d"), number=int(number), moment=MOMENTS[moment])
    ended = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.long
@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_after_any_delay_ends_it(tmp_path, number):
    """Until Python runs our first line, the signal has its usual effect. Afterwards the status is 0."""
    for step in range(20):
        command = [sys.executable, "-m", "beam_dis", "serve", "--port", "0", "--data", str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
            time.sleep(0.03 * step)
            process.send_signal(number)
            _, errors = process.communicate(timeout=30)
        assert process.returncode == 0 or not re.search("beam_dis/(cli/main|local)", errors), errors


@pytest.mark.parametrize("name", ["beam_dis.cli.main", "beam_dis.local.http.server", "uvicorn", "sqlite3"])
def test_a_signal_during_an_import_ends_it(tmp_path, name):
    """Even if the signal comes in a callback that ignores exceptions."""
    program = f"""
import os, sys, weakref
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            victim = type("Victim", (), {{}})()
            reference = weakref.ref(victim, lambda _: os.kill(os.getpid(), {int(signal.SIGTERM)}))
            del victim
sys.meta_path.insert(0, Finder())
sys.argv = ["beam-dis", "serve", "--port", "0", "--data", {str(tmp_path)!r}]
from beam_dis.__main__ import main
sys.exit(main())
"""
    ended = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_a_signal_does_not_end_other_commands_with_status_0(tmp_path):
    program = "import os, sys; sys.argv = ['beam-dis', 'check', '--data', '.']; import beam_dis.cli.check as at\n"
    program += f"at.check.callback = lambda **_: os.kill(os.getpid(), {int(signal.SIGINT)})\n"
    program += "from beam_dis.__main__ import main; sys.exit(main())"
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    ended = subprocess.run([sys.executable, "-c", program], check=False, cwd=tmp_path, env=environ, timeout=60)
    assert ended.returncode == 130
