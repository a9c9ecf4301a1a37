"""Messages about quotas: how much of what a project may have [vendor's page GetQuotas]."""

from __future__ import annotations

import msgspec

from beam_dis.wire.messages import WireAnswer


class Quota(WireAnswer):
    """How many a project may have of ``type``, and how many it has: ``common_partition``, ``advanced_partition`` or ``app``."""

    type: str = ""
    quota: int = 0
    used: int = 0


class QuotaResources(WireAnswer):
    """The quotas of a project."""

    resources: list[Quota] = []


class ListQuotasResult(WireAnswer):
    """GET /v1/{project_id}/quotas; the table and the sample of the page disagree, and this is the form of other services (ours)."""

    quotas: QuotaResources = msgspec.field(default_factory=QuotaResources)
