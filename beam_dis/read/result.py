"""The outputs of a read that has more than one."""

from __future__ import annotations

from typing import Any, Generic, TypeAlias, TypeVar

from apache_beam import pvalue
from typing_extensions import NamedTuple

from beam_dis.dead_letter import DeadLetter
from beam_dis.outputs import outputs_of
from beam_dis.read.values import ReadPositions

DeadLettersT = TypeVar("DeadLettersT")
PositionsT = TypeVar("PositionsT")
PCollection: TypeAlias = pvalue.PCollection[Any]
DeadLetters = pvalue.PCollection[DeadLetter]
Positions = pvalue.PCollection[ReadPositions]


@outputs_of("ReadFromDIS", dead_letters="dead_letters=True", positions='commit="manual"')
class ReadFromDISResult(NamedTuple, Generic[DeadLettersT, PositionsT]):
    """The outputs of a read with ``dead_letters=True`` or ``commit="manual"``.

    Attributes:
        records: what ``decode`` makes of the records.
        dead_letters: a DeadLetter for each record that doesn't decode; None without ``dead_letters=True``.
        positions: ReadPositions, which say what was read; None without ``commit="manual"``.
            ``positions | beam.WaitOn(written.done) | CommitToDIS(app)`` commits them once the records are written.
    """

    records: PCollection
    dead_letters: DeadLettersT
    positions: PositionsT
