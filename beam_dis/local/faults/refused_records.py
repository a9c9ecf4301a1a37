"""Refuses single records of a put, as rules say.

Rules:

1. Only records that the put itself would store are chosen, each with the partition that it goes to.
2. The data of a chosen record that isn't to be stored are removed, so that the handler itself leaves it out.
3. The result of a chosen record is the code of its fault.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from beam_dis.local.faults.rules import Rule
from beam_dis.local.faults.values import RecordsRefused
from beam_dis.local.handlers import Handler
from beam_dis.local.handlers.call import Call
from beam_dis.local.handlers.routing import Routes
from beam_dis.wire.error_codes import ERROR_CODES
from beam_dis.wire.ranges import partition_id
from beam_dis.wire.records import PutRecordsRequest, PutRecordsResult, PutRecordsResultEntry


async def put_with_refusals(rules: Sequence[Rule], handler: Handler, call: Call, request: PutRecordsRequest) -> Any:
    """The answer of ``handler`` to a put, with the records refused that ``rules`` choose."""
    records = request.records or []
    chosen = _chosen(rules, _fixed_partitions(call, request))
    for index, fault in chosen.items():
        if not fault.stored:
            records[index].data = b""
    result: PutRecordsResult = await handler(call, request)
    for index, fault in chosen.items():
        text = ERROR_CODES[fault.code].text
        result.records[index] = PutRecordsResultEntry(error_code=fault.code, error_message=text)
    result.failed_record_count = sum(entry.error_code is not None for entry in result.records)
    return result


def _fixed_partitions(call: Call, request: PutRecordsRequest) -> dict[int, int]:
    """Index → partition of the records that can be stored, which are changed to name that partition."""
    stream = call.store.stream(call.project, request.stream_name or "", request.stream_id or "")
    if stream is None or not request.records:
        return {}
    routed = Routes(stream, call.context.round_robin).route(request.records)
    indexes = [index for index in range(len(request.records)) if index not in routed.refusals]
    partitions = dict(zip(indexes, routed.partitions, strict=True))
    for index, number in partitions.items():
        request.records[index].partition_id = partition_id(number)
    return partitions


def _chosen(rules: Sequence[Rule], partitions: Mapping[int, int]) -> dict[int, RecordsRefused]:
    chosen: dict[int, RecordsRefused] = {}
    for rule in rules:
        fault = rule.fault
        if not isinstance(fault, RecordsRefused):
            continue
        wanted = fault.partition_number()
        for index, number in partitions.items():
            if wanted in (None, number) and index not in chosen and rule.draw_record():
                chosen[index] = fault
    return chosen
