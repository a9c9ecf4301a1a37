"""The repository holds nothing generated, big or secret, and its files agree with each other."""

from __future__ import annotations

import re
import subprocess

import pytest

from beam_dis import __all__ as public
from beam_dis.version import __version__

GENERATED = re.compile(
    r"(^|/)(__pycache__|build|dist|demo-out|\.venv[^/]*|\.runners|[^/]+\.egg-info)/|\.(pyc|so|whl|db|log)$"
)
LARGEST = 700_000
SECRET = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----|\bHST3[A-Z0-9]{16,}|\b(?:AKIA|ghp_|pypi-)[A-Za-z0-9_-]{16,}")


@pytest.fixture(scope="module")
def tracked(root):
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True).stdout
    return [name for name in listing.split("\0") if name and (root / name).is_file()]


def test_nothing_generated_is_tracked(tracked):
    assert [name for name in tracked if GENERATED.search(name)] == []


def test_no_symbolic_link_is_tracked(root):
    modes = subprocess.run(["git", "ls-files", "--stage"], cwd=root, capture_output=True, text=True, check=True).stdout
    assert [line for line in modes.splitlines() if line.startswith("120000")] == []


def test_nothing_tracked_is_big(root, tracked):
    assert {name: size for name in tracked if (size := (root / name).stat().st_size) > LARGEST} == {}


def test_nothing_tracked_looks_like_a_secret(root, tracked):
    assert [name for name in tracked if SECRET.search((root / name).read_bytes())] == []


def test_the_newest_version_in_the_changelog_is_the_packages(root):
    versions = re.findall(r"^## \[?(\d+\.\d+\.\d+)", (root / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert versions[0] == __version__


def test_the_index_of_the_docs_lists_the_public_names(root):
    index = (root / "docs" / "index.md").read_text(encoding="utf-8")
    section = index.split("## Public names")[1].split("\n## ")[0]
    listed = set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
    assert listed == set(public) - {"__version__"}


def test_public_names_are_sorted():
    assert public == sorted(public)


def test_the_package_is_marked_as_typed(root):
    assert (root / "beam_dis" / "py.typed").exists()


def test_setup_py_only_calls_setup(root):
    assert (root / "setup.py").read_text(encoding="utf-8").split() == [
        "from",
        "setuptools",
        "import",
        "setup",
        "setup()",
    ]


def test_make_lists_its_targets(root):
    helped = subprocess.run(["make"], cwd=root, capture_output=True, text=True, check=True).stdout
    wanted = {"test", "check", "check-long", "demo", "bench", "runners"}
    assert wanted - set(re.findall(r"^  make ([a-z-]+)", helped, re.MULTILINE)) == set()
