"""CommitToDIS reports the number that it committed last, by partition, and its requests."""

from __future__ import annotations

from typing import Any

from reported_metrics import reported_metrics

from beam_dis.connection import DISConnection
from beam_dis.read.commit.commit_positions import CommitPositionsFn
from beam_dis.read.values import ReadPositions
from beam_dis.request_counts import note_request

CONNECTION = DISConnection(endpoint="http://127.0.0.1:1", project_id="p")


class NoProgress:
    """The state of a partition of which nothing is known."""

    def read(self) -> None:
        return None

    def write(self, progress: Any) -> None:
        """Keeps nothing."""


def test_after_a_bundle_the_gauges_show_its_commits(fake_service: Any, registry_on: Any) -> None:
    service = fake_service()
    service.commit = lambda *_: note_request("commit_checkpoint", 0.004)
    registry = registry_on(service)
    step = CommitPositionsFn(CONNECTION, "a", registry=lambda: registry, wall=lambda: 1_767_225_600.5)
    step.setup()
    step.start_bundle()
    position = ReadPositions("a", "flights", "id", "shardId-0000000003", 0, 7, 0)
    with reported_metrics() as reported:
        step.process(("id:3", position), progress=NoProgress())
        step.finish_bundle()
    assert reported.gauges == {"committed_number.flights.3": 7, "committed_at_millis.flights.3": 1_767_225_600_500}
    assert reported.distributions["commit_latency_millis"] == [1, 4]
