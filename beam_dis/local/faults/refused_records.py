"""A put of which single records are refused.

Law: the records are chosen where the put would take them, each with the partition it goes to. One that isn't to be stored is
emptied, so that the handler itself leaves it out; what the answer says of the chosen ones is the fault's code.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from beam_dis.local.faults.rules import Rule
from beam_dis.local.faults.values import RecordsRefused
from beam_dis.local.handlers.call import Call
from beam_dis.local.handlers.routing import Routes
from beam_dis.wire.error_codes import ERROR_CODES
from beam_dis.wire.ranges import partition_id
from beam_dis.wire.records import PutRecordsRequest, PutRecordsResult, PutRecordsResultEntry

Handler = Callable[[Call, Any], Awaitable[Any]]


async def put_in_part(rules: Sequence[Rule], handler: Handler, call: Call, request: PutRecordsRequest) -> Any:
    """What ``handler`` answers to a put, but for the records that ``rules`` choose."""
    records = request.records or []
    chosen = _chosen(rules, _places(call, request))
    for position, fault in chosen.items():
        if not fault.stored:
            records[position].data = b""
    return _with_refusals(await handler(call, request), chosen)


def _places(call: Call, request: PutRecordsRequest) -> dict[int, int]:
    """Position → partition of the records that can be stored. The place of one that names none is settled here."""
    stream = call.store.stream(call.project, request.stream_name or "", request.stream_id or "")
    if stream is None or not request.records:
        return {}
    routed = Routes(stream, call.context.spread).route(request.records)
    positions = [position for position in range(len(request.records)) if position not in routed.refusals]
    places = dict(zip(positions, routed.partitions, strict=True))
    for position, number in places.items():
        request.records[position].partition_id = partition_id(number)
    return places


def _chosen(rules: Sequence[Rule], places: Mapping[int, int]) -> dict[int, RecordsRefused]:
    chosen: dict[int, RecordsRefused] = {}
    for rule in rules:
        fault = rule.fault
        if not isinstance(fault, RecordsRefused):
            continue
        wanted = fault.partition_number()
        for position, number in places.items():
            if wanted in (None, number) and position not in chosen and rule.hits_record():
                chosen[position] = fault
    return chosen


def _with_refusals(result: PutRecordsResult, chosen: Mapping[int, RecordsRefused]) -> PutRecordsResult:
    for position, fault in chosen.items():
        text = ERROR_CODES[fault.code].text
        result.records[position] = PutRecordsResultEntry(error_code=fault.code, error_message=text)
    result.failed_record_count = sum(entry.error_code is not None for entry in result.records)
    return result
