"""``beam-dis export`` and ``import`` copy a data folder, and say in one line why they don't."""

from __future__ import annotations

import json
from contextlib import closing

import pytest

from beam_dis.cli.main import main
from beam_dis.local import LocalDIS
from beam_dis.local.store import StreamDefinition, open_store

NOW = 1_767_225_600.0


@pytest.fixture
def data(tmp_path):
    """A data folder with three records."""
    with closing(open_store(tmp_path / "data", clock=lambda: NOW, housekeeping_interval=None)) as store:
        stream = store.create_stream("p", StreamDefinition(name="s", partition_count=1)).result()
        store.append(stream, [0] * 3, [None] * 3, [b"a", b"b", b"c"]).result()
    return tmp_path / "data"


def test_a_folder_is_exported_and_imported(data, tmp_path, capsys):
    file, restored = tmp_path / "file", tmp_path / "restored"
    assert main(["export", "--data", str(data), str(file)]) == 0
    assert main(["import", str(file), "--data", str(restored)]) == 0
    out, err = capsys.readouterr()
    size = file.stat().st_size
    assert out.splitlines() == [
        f"beam-dis: exported 3 records of 1 streams into {file} ({size} bytes)",
        f"beam-dis: imported 3 records of 1 streams into {restored}",
    ]
    assert err == ""
    assert main(["check", "--data", str(restored)]) == 0


def test_with_json_the_result_is_an_object(data, tmp_path, capsys):
    file, restored = tmp_path / "file", tmp_path / "restored"
    main(["export", "--data", str(data), str(file), "--json"])
    main(["import", str(file), "--data", str(restored), "--json"])
    exported, imported = map(json.loads, capsys.readouterr().out.splitlines())
    assert exported == {"file": str(file), "streams": 1, "records": 3, "bytes": file.stat().st_size}
    assert imported.pop("created").endswith("Z")
    assert imported == {"data": str(restored), "streams": 1, "records": 3}


def test_a_failed_export_is_one_line_and_an_exit_status(tmp_path, capsys):
    assert main(["export", "--data", str(tmp_path), str(tmp_path / "file")]) == 1
    assert capsys.readouterr().err == (
        f"beam-dis: error: there is no store in {tmp_path}: give the folder that was given to serve\n"
    )


def test_a_failed_import_is_one_line_and_an_exit_status(data, tmp_path, capsys):
    assert main(["import", str(data / "log.db"), "--data", str(tmp_path / "new")]) == 1
    assert "is a database without the end that a snapshot has" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


@pytest.mark.integration
def test_a_running_server_is_exported(tmp_path, capsys):
    with LocalDIS(tmp_path / "data"):
        assert main(["export", "--data", str(tmp_path / "data"), str(tmp_path / "file")]) == 0
    assert "exported 0 records of 0 streams" in capsys.readouterr().out
