"""The handler of quotas."""

from __future__ import annotations

from beam_dis.local.handlers.call import Call
from beam_dis.wire import quotas as wire
from beam_dis.wire.limits import APP_QUOTA, PARTITION_QUOTA


async def list_quotas(call: Call, _: None) -> wire.ListQuotasResult:
    """How many partitions and apps the project may have, and how many it has; only partitions that are ACTIVE count."""
    used = dict.fromkeys(PARTITION_QUOTA, 0)
    for stream in call.store.streams(call.project):
        used[stream.stream_type] += stream.active_count
    partitions = [wire.Quota(f"{kind.lower()}_partition", quota, used[kind]) for kind, quota in PARTITION_QUOTA.items()]
    apps = wire.Quota("app", APP_QUOTA, len(call.store.apps(call.project)))
    return wire.ListQuotasResult(wire.QuotaResources([*partitions, apps]))
