"""How far one batch has come.

Law: pure state, no I/O and no clock; used by one thread.
"""

from __future__ import annotations

from collections.abc import Sequence

from beam_dis.stream_service import NotWritten, Written
from beam_dis.write.batching import Batch
from beam_dis.write.ordering import send_again
from beam_dis.write.outcome import Settled, describe_refusal


class Delivery:
    """A batch on its way: ``left`` are the places still to send, in order; ``throttled`` says why, after an attempt."""

    __slots__ = ("answers", "batch", "left", "requests", "retries", "throttled")

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.left: Sequence[int] = range(len(batch.records))
        self.answers: list[Written | NotWritten] = []
        self.requests = 0
        self.retries = 0
        self.throttled = False

    def take(self, answers: list[Written | NotWritten], *, ordered: bool) -> None:
        """Note the answers to what was left, one each."""
        sent = self.left
        self._note(answers)
        records = [self.batch.records[place] for place in sent]
        self.left = [sent[index] for index in send_again(records, answers, ordered=ordered)]
        self.retries += len(self.left)
        self.throttled = any(isinstance(answer, NotWritten) and answer.throttled for answer in answers)

    def settled(self) -> Settled:
        """The whole, once nothing is left."""
        return Settled(self.batch, self.answers, self.requests, self.retries)

    def unwritten(self, deadline: float) -> str:
        """What is left when the time is up, in words."""
        batch = self.batch
        refusals = ((place, self.answers[place]) for place in self.left)
        last = next(
            describe_refusal(batch.stream, batch.records[place], answer)
            for place, answer in refusals
            if isinstance(answer, NotWritten)
        )
        return (
            f"{len(self.left)} of {len(batch.records)} records were not written within {deadline:g} s"
            f" and {self.requests} requests; the last answer: {last}"
        )

    def _note(self, answers: list[Written | NotWritten]) -> None:
        if not self.answers:
            self.answers = answers
            return
        for place, answer in zip(self.left, answers, strict=True):
            self.answers[place] = answer
