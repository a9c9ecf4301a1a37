"""The operation on quotas."""

from __future__ import annotations

from beam_dis.client.answers import reading
from beam_dis.client.api import API
from beam_dis.client.arguments import checks_arguments
from beam_dis.wire import quotas as wire


class QuotaOperations:
    """The method of ``DISClient`` about quotas. It raises the general errors that ``DISClient`` lists."""

    _api: API

    @checks_arguments
    def list_quotas(self) -> list[wire.Quota]:
        """Return how many partitions and apps the project may have, and how many it has [vendor's page GetQuotas].

        Returns:
            For each ``type`` the ``quota`` and what is ``used`` of it.
        """
        return self._api.call("list_quotas", reading(wire.ListQuotasResult)).quotas.resources
