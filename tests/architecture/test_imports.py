"""Imports: which room may import which other rooms and which libraries. A room is a folder of the package, or a file at its root."""

from __future__ import annotations

import sys

ROOT_FILES = {
    "backoff",
    "connection",
    "credentials",
    "daemon_threads",
    "dead_letter",
    "display",
    "endpoints",
    "errors",
    "field_values",
    "forks",
    "instants",
    "names",
    "outages",
    "plain_values",
    "positions",
    "record",
    "record_checks",
    "request_counts",
    "secret_files",
    "stream_service",
    "texts",
    "version",
}
"""The plain files at the root, which every room except ``wire`` may import."""

ROOMS = {
    "wire": set(),
    "formats": {"errors", "plain_values"},
    "client": {"wire", *ROOT_FILES},
    "local": {"wire", "formats", "v3io", *ROOT_FILES},
    "v3io": {"wire", "client", *ROOT_FILES},
    "coders": {"formats", *ROOT_FILES},
    "services": {"client", "v3io", *ROOT_FILES},
    "read": {
        "wire",
        "coders",
        "formats",
        "options",
        "error_handling",
        "outputs",
        "request_metrics",
        "services",
        *ROOT_FILES,
    },
    "write": {"wire", "coders", "options", "error_handling", "outputs", "request_metrics", "services", *ROOT_FILES},
    "yaml": {"coders", "formats", "read", "write", "v3io", *ROOT_FILES},
    "producer": {"wire", "services", "write", *ROOT_FILES},
    "copying": {"wire", "client", *ROOT_FILES},
    "consumer": {*ROOT_FILES},
    "cli": {"wire", "client", "copying", "consumer", "formats", "local", "services", "write", *ROOT_FILES},
    "testing": {"client", "formats", "local", "errors", "field_values", "plain_values", "record"},
    "pytest_plugin": {"local", "client", "testing"},
    "__main__": {"cli", "version"},
    "__init__": {"version"},
}
"""Room → the other rooms that it may import. A file at the root that isn't listed may import ``wire`` and plain files."""

LIBRARIES = {
    "wire": {"msgspec"},
    "formats": {"msgspec", "pyarrow", "pyruhvro"},
    "client": {"httpcore", "httpx", "msgspec"},
    "copying": {"msgspec"},
    "v3io": {"msgspec"},
    "local": {
        "boto3",
        "botocore",
        "cramjam",
        "httptools",
        "jinja2",
        "msgspec",
        "prometheus_client",
        "pyarrow",
        "starlette",
        "uvicorn",
    },
    "coders": {"apache_beam", "pyarrow", "typing_extensions"},
    "read": {"apache_beam", "msgspec", "typing_extensions"},
    "write": {"apache_beam", "typing_extensions"},
    "cli": {"click", "msgspec", "pyarrow", "rich"},
    "dead_letter": {"msgspec"},
    "duplicates": {"apache_beam"},
    "options": {"apache_beam"},
    "error_handling": {"apache_beam"},
    "outputs": {"apache_beam"},
    "request_metrics": {"apache_beam"},
    "record": {"msgspec"},
    "stream_service": {"msgspec"},
    "testing": {"apache_beam"},
    "yaml": {"apache_beam"},
    "pytest_plugin": {"pytest"},
}
"""Room → the libraries that it may import. A room that isn't listed imports only the standard library."""

BEAM_SHELLS = {
    "read": {
        "decode.py",
        "decoding.py",
        "commit/after_windows.py",
        "commit/commit_positions.py",
        "commit/transform.py",
        "discovery/list_once.py",
        "discovery/name_streams.py",
        "discovery/watch.py",
        "partition/bounded.py",
        "partition/endless.py",
        "partition/finalizers.py",
        "partition/gauges.py",
        "partition/metrics.py",
        "partition/position_output.py",
        "partition/tracker.py",
        "until.py",
        "process/registry.py",
        "redistribute.py",
        "result.py",
        "runners.py",
        "shuffles.py",
        "state.py",
        "transform.py",
        "watermark/estimator.py",
        "watermark/event_time.py",
    },
    "write": {"put_records.py", "transform.py"},
    "testing": {"splittable_dofn_driver.py"},
}
"""The files of read/, write/ and testing/ that may import Beam; the others are plain Python."""

BEAM_ROOMS = {"coders", "duplicates", "options", "error_handling", "outputs", "request_metrics", "yaml", *BEAM_SHELLS}
"""The only rooms that may import Beam."""

WIRE_VALUES = {"limits", "ranges", "error_codes"}
"""The modules of wire/ that read/ and write/ may import: numbers, hashes and error codes; no route, message or cursor."""


def inside(name: str) -> str:
    """``beam_dis.wire.routes.ROUTES`` → ``wire``."""
    return name.split(".")[1] if "." in name else "__init__"


def imported_rooms(source):
    return {inside(name) for name in source.imports if name.split(".")[0] == "beam_dis"} - {source.room}


def test_a_room_imports_no_room_that_it_must_not(sources):
    default = {"wire", *ROOT_FILES}
    not_allowed = {
        (source.name, room) for source in sources for room in imported_rooms(source) - ROOMS.get(source.room, default)
    }
    assert not_allowed == set()


def test_a_room_imports_only_its_own_libraries(sources):
    not_allowed = {
        (source.name, library)
        for source in sources
        for library in source.third_party - sys.stdlib_module_names - LIBRARIES.get(source.room, set())
    }
    assert not_allowed == set()


def test_only_one_file_imports_httpx(sources):
    assert {source.name for source in sources if "httpx" in source.third_party} == {"client/http_settings.py"}
    core = {source.name for source in sources if "httpcore" in source.third_party}
    assert core == {"client/transport.py", "client/bounded_network.py", "client/connection_pool.py"}


def test_only_the_named_files_import_beam(sources):
    beam = [source for source in sources if "apache_beam" in source.third_party]
    assert {source.name for source in beam if source.room not in BEAM_ROOMS} == set()
    shells = {f"{room}/{file}" for room, files in BEAM_SHELLS.items() for file in files}
    assert {source.name for source in beam if source.room in BEAM_SHELLS} - shells == set()


def test_only_services_imports_the_client_and_the_seam_from_outside_the_client(sources):
    """It opens services; every other file is on one side of the seam."""
    both = {
        source.name
        for source in sources
        if source.room not in {"client", "v3io"}
        and "stream_service.py" in source.imported_files
        and any(name.startswith("client/") for name in source.imported_files)
    }
    assert both == {"services.py"}


def test_the_local_v3io_shares_only_the_messages_with_its_client(sources):
    """``LocalV3IO`` also gives a connection to it."""
    shared = {
        (source.name, name)
        for source in sources
        if source.room == "local"
        for name in source.imported_files
        if name.startswith("v3io/")
    }
    others = {(source, name) for source, name in shared if name != "v3io/messages.py"}
    assert others == {("local/local_v3io.py", "v3io/connection.py")}


def test_read_and_write_import_no_routes_messages_or_cursors(sources):
    wire = {
        (source.name, name.split(".")[2])
        for source in sources
        if source.room in {"read", "write"}
        for name in source.imports
        if name.startswith("beam_dis.wire.")
    }
    assert {(name, module) for name, module in wire if module not in WIRE_VALUES} == set()


def test_an_api_group_has_one_file_name_in_every_room(sources):
    names = {source.name for source in sources}
    groups = (
        "streams",
        "apps",
        "checkpoints",
        "records",
        "tags",
        "monitoring",
        "quotas",
        "consumer_groups",
        "dump_tasks",
    )
    wanted = {f"{room}/{group}.py" for room in ("wire", "client", "local/handlers") for group in groups}
    assert wanted - names == set()
