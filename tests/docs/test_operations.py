"""docs/compatibility.md lists every operation: those of the reference by their section, and the others, as the route table has them.

If a row differs, the message of the test is the row as it should be.
"""

from __future__ import annotations

import re
from pathlib import Path

from beam_dis.client import DISClient
from beam_dis.local.handlers import HANDLERS
from beam_dis.wire import limits
from beam_dis.wire.routes import ROUTES

PAGE = (Path(__file__).parents[2] / "docs" / "compatibility.md").read_text("utf-8")

REFERENCE = {
    "5.1.1": ("Creating Streams", "create_stream"),
    "5.1.2": ("Querying Streams", "list_streams"),
    "5.1.3": ("Deleting Specified Streams", "delete_stream"),
    "5.1.4": ("Querying Stream Details", "describe_stream"),
    "5.1.5": ("Changing Partition Quantity", "update_partition_count"),
    "5.1.6": ("Updating Stream Information", "update_stream"),
    "5.1.7": ("Adding Permission Policies", "add_policy"),
    "5.1.8": ("Querying Permission Policies", "list_policies"),
    "5.2.1": ("Creating Consumption Apps", "create_app"),
    "5.2.2": ("Querying Apps", "list_apps"),
    "5.2.3": ("Deleting Apps", "delete_app"),
    "5.2.4": ("Querying App Details", "describe_app"),
    "5.2.5": ("Querying App Consumption Status", "consumer_state"),
    "5.3.1": ("Submitting Checkpoints", "commit_checkpoint"),
    "5.3.2": ("Querying Checkpoint Details", "get_checkpoint"),
    "5.3.3": ("Deleting Checkpoints", "delete_checkpoint"),
    "5.4.1": ("Uploading Data", "put_records"),
    "5.4.2": ("Downloading Data", "get_records"),
    "5.4.3": ("Obtaining Data Cursors", "get_cursor"),
    "5.5.1": ("Adding OBS Dump Tasks", "create_dump_task"),
    "5.5.2": ("Querying Dump Task", "list_dump_tasks"),
    "5.5.3": ("Deleting Dump Tasks", "delete_dump_task"),
    "5.5.4": ("Querying Dump Task Details", "describe_dump_task"),
    "5.5.5": ("Starting Dump Tasks in Batches", "start_dump_tasks"),
    "5.5.6": ("Pausing Dump Tasks in Batches", "stop_dump_tasks"),
    "5.5.7": ("Adding DWS Dump Tasks", "create_dump_task"),
    "5.5.8": ("Adding MRS Dump Tasks", "create_dump_task"),
    "5.5.9": ("Adding DLI Dump Tasks", "create_dump_task"),
    "5.5.10": ("Adding CloudTable Dump Tasks", "create_dump_task"),
    "5.6.1": ("Querying Stream Monitoring Data", "stream_metrics"),
    "5.6.2": ("Querying Partition Monitoring Data", "partition_metrics"),
    "5.7.1": ("Adding Tags for Specified Streams", "create_tag"),
    "5.7.2": ("Querying Tags of Specified Streams", "list_stream_tags"),
    "5.7.3": ("Deleting Tags of Specified Streams", "delete_tag"),
    "5.7.4": ("Adding Resource Tags in Batches", "batch_create_tags"),
    "5.7.5": ("Querying Tags of Specified Regions", "list_tags"),
    "5.7.6": ("Using Tags to Filter Resources (Streams)", "list_resources_by_tags"),
    "5.7.7": ("Deleting Resource Tags in Batches", "batch_delete_tags"),
}
"""Section of the API reference → its title, and the operation of the route table."""

NOTES = {
    "create_stream": f"{limits.PARTITION_QUOTA['COMMON']} COMMON, {limits.PARTITION_QUOTA['ADVANCED']} ADVANCED partitions",
    "list_streams": "100 a page",
    "describe_stream": "1,000 partitions a page",
    "update_partition_count": "once an hour with `--limits real`",
    "change_stream": "the type of data, or auto scaling",
    "add_policy": "enforced with keys",
    "add_policy_by_id": "names are the ids",
    "create_app": f"{limits.APP_QUOTA} apps",
    "list_apps": "100 a page",
    "delete_app": "not while its group has members",
    "consumer_state": "1,000 partitions a page",
    "commit_checkpoint": f"metadata of {limits.MAX_METADATA_CHARS:,} characters",
    "put_records": "1 MiB (COMMON), 5 MiB (ADVANCED), 10,000 records",
    "get_records": "10 MiB and 10,000 records a page",
    "get_cursor": f"valid for {limits.CURSOR_SECONDS // 60} minutes",
    "stream_metrics": "8 days, 7 days an answer",
    "partition_metrics": "8 days, 7 days an answer",
    "create_tag": f"{limits.MAX_TAGS} tags a stream",
    "batch_create_tags": f"{limits.MAX_TAGS} tags a stream",
    "list_resources_by_tags": f"{limits.MAX_FOUND_RESOURCES:,} streams a page",
    "join_group": "as many members as partitions",
}
"""Operation → its limits in a local DIS."""

REFUSED = {
    "5.5.7": "refused with DIS.4200",
    "5.5.8": "refused with DIS.4208",
    "5.5.9": "refused with DIS.4200",
    "5.5.10": "refused with DIS.4200",
}
"""Section → what a local DIS does instead."""


def row(section: str, title: str, operation: str) -> str:
    route = ROUTES[operation]
    path = route.path.replace("{project_id}", "{project}").replace("{stream_name}", "{stream}")
    action = f", `action` {route.action}" if route.action else ""
    note = REFUSED.get(section, NOTES.get(operation, ""))
    cells = (section, title, f"`{route.method} {path}`{action}", f"`{operation}`", note)
    return f"| {' | '.join(cells)} |".replace("|  |", "| |")


def missing(rows: list[str]) -> str:
    """The rows that the page doesn't have, one per line."""
    lines = set(PAGE.splitlines())
    return "\n".join(line for line in rows if line not in lines)


def test_the_reference_has_38_operations():
    assert len(REFERENCE) == 38


def test_the_page_lists_every_operation_of_the_reference():
    assert missing([row(section, *found) for section, found in REFERENCE.items() if found[1] in ROUTES]) == ""


def test_the_page_lists_every_other_operation():
    known = {operation for _, operation in REFERENCE.values()}
    others = [name for name in ROUTES if name not in known]
    assert missing([row("", ROUTES[name].group.replace("_", " "), name) for name in others]) == ""


def test_the_page_lists_no_operation_that_is_not_there():
    section = PAGE.partition("## Operations")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| .* \| `(?:GET|POST|PUT|DELETE) [^`]+`.* \| `(\w+)` \|", section, re.MULTILINE)
    assert len(listed) == len(REFERENCE) + len(set(ROUTES) - {operation for _, operation in REFERENCE.values()})
    assert set(listed) == set(ROUTES)


def test_client_and_local_dis_have_every_operation():
    assert [name for name in ROUTES if not hasattr(DISClient, name) or name not in HANDLERS] == []
