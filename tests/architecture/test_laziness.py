"""Importing a part of the package loads only the libraries that this part needs."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

BEAM, HTTP, SERVER = "apache_beam", "httpx", "uvicorn"


def loaded_by(*arguments: str) -> tuple[set[str], float]:
    """The top-level packages that a fresh interpreter imports for ``arguments``, and its seconds."""
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-X", "importtime", *arguments], capture_output=True, text=True, check=True)
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rsplit("|", 1)[1].strip().split(".")[0] for line in lines}, time.monotonic() - started


@pytest.mark.parametrize(
    ("arguments", "unloaded"),
    [
        (("-c", "import beam_dis"), {BEAM, HTTP, SERVER, "msgspec"}),
        (("-c", "import beam_dis.wire.routes"), {BEAM, HTTP, SERVER}),
        (("-c", "import beam_dis.formats"), {BEAM, HTTP, SERVER}),
        (("-c", "import beam_dis.write.bundle, beam_dis.write.sender"), {BEAM, HTTP, SERVER}),
        (("-c", "import beam_dis.client"), {BEAM, SERVER}),
        (("-c", "from beam_dis import DISClient"), {BEAM, SERVER}),
        (("-c", "import beam_dis.local"), {BEAM, HTTP}),
        (("-c", "import beam_dis.testing"), {BEAM, HTTP, SERVER}),
        (("-c", "from beam_dis.testing import SplittableDoFnDriver"), {HTTP, SERVER}),
        (("-c", "import beam_dis.pytest_plugin"), {BEAM, HTTP, SERVER, "msgspec"}),
        (("-m", "beam_dis", "--help"), {BEAM, HTTP, SERVER}),
        (("-c", "import beam_dis.cli.line_job, beam_dis.cli.api, beam_dis.services"), {BEAM, SERVER}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_part_loads_no_library_that_it_does_not_need(arguments, unloaded, record_property):
    loaded, seconds = loaded_by(*arguments)
    record_property("seconds", seconds)
    assert loaded & unloaded == set()


def test_every_public_name_can_be_imported():
    import beam_dis

    assert [name for name in beam_dis.__all__ if getattr(beam_dis, name, None) is None] == []


def test_an_unknown_name_is_an_attribute_error():
    import beam_dis

    with pytest.raises(AttributeError, match=r"module 'beam_dis' has no attribute 'ReadFromKinesis'"):
        beam_dis.ReadFromKinesis  # noqa: B018
