"""The import law: which room may know which, and which library stays behind which file."""

from __future__ import annotations

import sys
from graphlib import TopologicalSorter

ROOT_FILES = {
    "backoff",
    "connection",
    "credentials",
    "dead_letter",
    "errors",
    "names",
    "positions",
    "record",
    "stream_service",
    "version",
}
"""Plain Python that every room but ``wire`` may know."""

ROOMS = {
    "wire": set(),
    "formats": {"errors"},
    "client": {"wire", *ROOT_FILES},
    "local": {"wire", "formats", *ROOT_FILES},
    "coders": {"formats", *ROOT_FILES},
    "services": {"client", *ROOT_FILES},
    "read": {"wire", "coders", "options", "services", *ROOT_FILES},
    "write": {"wire", "coders", "options", "services", *ROOT_FILES},
    "cli": {"wire", "client", "local", *ROOT_FILES},
    "testing": {"local"},
    "pytest_plugin": {"local", "client"},
    "__main__": {"cli"},
    "__init__": {"version"},
}
"""Room → the other rooms it may know. What isn't named here is a file at the root: it may know wire and its like."""

LIBRARIES = {
    "wire": {"msgspec"},
    "formats": {"fastavro", "msgspec"},
    "client": {"httpx", "msgspec"},
    "local": {"httptools", "msgspec", "starlette", "uvicorn"},
    "coders": {"apache_beam", "fastavro"},
    "read": {"apache_beam", "msgspec"},
    "write": {"apache_beam"},
    "cli": {"rich"},
    "options": {"apache_beam"},
    "record": {"msgspec"},
    "stream_service": {"msgspec"},
    "pytest_plugin": {"pytest"},
}
"""Room → the libraries it may import. A room that isn't named imports the standard library alone."""

BEAM_SHELLS = {
    "read": {
        "__init__.py",
        "background.py",
        "decode_page.py",
        "discover_partitions.py",
        "estimator.py",
        "event_time.py",
        "poll_partition.py",
        "progress.py",
        "read_partition.py",
        "read_steps.py",
        "runner_traits.py",
        "state_coders.py",
        "tracker.py",
        "watch_partitions.py",
        "watch_tracker.py",
        "transform.py",
    },
    "write": {"__init__.py", "element_fields.py", "put_records.py", "transform.py"},
}
"""The files of the source and the sink that are Beam's shell; the rest is the thinking, in plain Python."""


WIRE_VALUES = {"limits", "ranges", "error_codes"}
"""What the source and the sink may know of the wire: numbers, hashes and remedies, no route, message or cursor."""


def inside(name: str) -> str:
    """``beam_dis.wire.routes.ROUTES`` → ``wire``."""
    return name.split(".")[1] if "." in name else "__init__"


def known_rooms(source):
    return {inside(name) for name in source.imports if name.split(".")[0] == "beam_dis"} - {source.room}


def test_a_room_knows_only_the_rooms_it_may(sources):
    default = {"wire", *ROOT_FILES}
    strangers = {
        (source.name, room) for source in sources for room in known_rooms(source) - ROOMS.get(source.room, default)
    }
    assert strangers == set()


def test_a_room_imports_only_its_own_libraries(sources):
    strangers = {
        (source.name, library)
        for source in sources
        for library in source.third_party - sys.stdlib_module_names - LIBRARIES.get(source.room, set())
    }
    assert strangers == set()


def test_httpx_stays_behind_one_file(sources):
    assert {source.name for source in sources if "httpx" in source.third_party} == {"client/transport.py"}


def test_the_thinking_of_source_and_sink_knows_no_beam(sources):
    beam = {(source.room, source.name.split("/")[-1]) for source in sources if "apache_beam" in source.third_party}
    assert {(room, file) for room, file in beam if room in BEAM_SHELLS and file not in BEAM_SHELLS[room]} == set()


def test_source_and_sink_know_the_service_and_never_its_messages(sources):
    wire = {
        (source.name, name.split(".")[2])
        for source in sources
        if source.room in {"read", "write"}
        for name in source.imports
        if name.startswith("beam_dis.wire.")
    }
    assert {(name, module) for name, module in wire if module not in WIRE_VALUES} == set()


def test_rooms_form_no_cycle(sources):
    graph: dict[str, set[str]] = {}
    for source in sources:
        known = {inside(name) for name in source.imports_at_top if name.startswith("beam_dis.")}
        graph.setdefault(source.room, set()).update(known - {source.room})
    assert len(list(TopologicalSorter(graph).static_order())) >= len(graph)


def test_an_api_group_has_one_file_name_in_every_room(sources):
    names = {source.name for source in sources}
    groups = ("streams", "apps", "checkpoints", "records")
    wanted = {f"{room}/{group}.py" for room in ("wire", "client", "local/handlers") for group in groups}
    assert wanted - names == set()
