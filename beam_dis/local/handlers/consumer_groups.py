"""The handlers of consumer groups: join, sync, heartbeat and leave, as the vendor's Kafka adapter calls them.

Rules:

1. A member that isn't known is told to join, in an answer with status 200, because an error ends the adapter's poll [SDK].
2. An answer never waits: the member asks again.
"""

from __future__ import annotations

import re

from beam_dis.local.groups import GroupKey, GroupStream
from beam_dis.local.handlers.call import Call
from beam_dis.wire import consumer_groups as wire
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.limits import APP_NAME, MAX_CLIENT_ID_CHARS
from beam_dis.wire.streams import GET_RECORDS

_MAX_PATTERN_CHARS = 200
_MAX_QUANTIFIERS = 3
_SLOW = re.compile(r"\)\s*[*+?{]")
"""A repeated group: to match it can take exponential time."""


async def join_group(call: Call, request: wire.JoinGroupRequest) -> wire.JoinGroupResult:
    """Become a member of an app's group, for some streams; refused with DIS.4339 if it has as many members as partitions."""
    if not 1 <= len(request.client_id) <= MAX_CLIENT_ID_CHARS:
        raise Refusal(4200, f"clientId has {len(request.client_id)} characters, not 1 to {MAX_CLIENT_ID_CHARS}")
    key = _group(call)
    if key is None:
        return wire.JoinGroupResult(wire.GROUP_NOT_EXIST)
    streams = _subscription(call, request)
    if not streams:
        return wire.JoinGroupResult(wire.ERR_SUBSCRIPTION)
    seconds = call.context.groups.join(key, request.client_id, streams)
    return wire.JoinGroupResult(wire.OK, [name for name, _ in streams], round(seconds * 1000))


async def sync_group(call: Call, _: wire.SyncGroupRequest) -> wire.SyncGroupResult:
    """The partitions of a member, once every member has asked for its own."""
    key = _group(call)
    if key is None:
        return wire.SyncGroupResult(wire.GROUP_NOT_EXIST)
    try:
        found = call.context.groups.sync(key, call.names["client_id"])
    except KeyError:
        return wire.SyncGroupResult(wire.REJOIN)
    return wire.SyncGroupResult(wire.WAITING) if found is None else wire.SyncGroupResult(wire.OK, *found)


async def group_heartbeat(call: Call, request: wire.HeartbeatRequest) -> wire.HeartbeatResult:
    """Say that a member is alive; the answer tells it whether to join, to sync or to go on."""
    key = _group(call)
    if key is None:
        return wire.HeartbeatResult(wire.GROUP_NOT_EXIST)
    try:
        stable = call.context.groups.is_stable(key, call.names["client_id"], request.generation)
    except KeyError:
        return wire.HeartbeatResult(wire.JOINING)
    return wire.HeartbeatResult(wire.STABLE if stable else wire.SYNCING)


async def leave_group(call: Call, _: None) -> None:
    """Leave a group; one that isn't a member has left it."""
    key = _group(call)
    if key is not None:
        call.context.groups.leave(key, call.names["client_id"])


def _group(call: Call) -> GroupKey | None:
    """The group of the app in the path; None if there is no such app. Refused with DIS.4332 if there can't be one."""
    name = call.names["app_name"]
    if APP_NAME.fullmatch(name) is None:
        raise Refusal(4332)
    return None if call.store.app(call.project, name) is None else (call.project, name)


def _subscription(call: Call, request: wire.JoinGroupRequest) -> list[GroupStream]:
    """The streams that a member asks for; none if one of them doesn't exist, or if no stream fits its pattern."""
    try:
        named = {call.stream(name).name: "" for name in request.interested_stream or ()}
        by_id = [call.stream(None, stream_id, GET_RECORDS) for stream_id in request.interested_stream_id_list or ()]
    except Refusal:
        return []
    named = {**{stream.name: stream.stream_id for stream in by_id}, **named}
    if not named and request.stream_pattern:
        pattern = _pattern(request.stream_pattern)
        named = {stream.name: "" for stream in call.store.streams(call.project) if pattern.fullmatch(stream.name)}
    return list(named.items())


def _pattern(text: str) -> re.Pattern[str]:
    """A pattern of stream names; refused with DIS.4200 if it isn't one, or could take too long to match."""
    quantifiers = sum(text.count(sign) for sign in "*+?{")
    if len(text) > _MAX_PATTERN_CHARS or quantifiers > _MAX_QUANTIFIERS or _SLOW.search(text):
        raise Refusal(4200, f"streamPattern {text[:_MAX_PATTERN_CHARS]!r} is too complicated")
    try:
        return re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise Refusal(4200, f"streamPattern {text!r} is not a pattern: {error}") from error
