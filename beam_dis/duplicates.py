"""DropDuplicates: one of the elements that have the same id.

Rules:

1. An element is dropped if one with its id came before and the watermark hasn't passed that one's time plus ``within``.
2. Only event time counts. A timer in processing time would make DirectRunner leave Prism.
3. What is kept of an id is one byte and a timer, in the runner's state. The timer deletes both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam import coders
from apache_beam.metrics import Metrics
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.transforms.window import GlobalWindows
from apache_beam.typehints import typehints
from apache_beam.utils.timestamp import MAX_TIMESTAMP, Duration

from beam_dis.display import display_items
from beam_dis.errors import ConfigurationError, EncodeError
from beam_dis.field_values import FieldValue
from beam_dis.plain_values import described, plain_bytes, plain_value, shown

_LONGEST_SECONDS = 366 * 24 * 3600


class DropDuplicates(beam.PTransform[Any, Any]):
    """Drops an element if another one with the same id came before it; for streams whose records may be there twice.

    It remembers each id for ``within`` seconds of event time. Put it directly after the read, before any window. Counter
    ``beam_dis.duplicates:dropped`` counts what it drops.

    Args:
        by: the name of the field that is the id, or a function of the element. An id is text, bytes or an int.
        within: for how many seconds after an element others with its id are dropped. It has to be longer than the time from a
            record's first copy to its last one, so than the longest outage of the pipeline that writes.

    Raises:
        ConfigurationError: an argument is wrong, or the input has windows.
        EncodeError: while the pipeline runs, if an element has no such field, or its id is of another type.
    """

    def __init__(self, by: str | Callable[[Any], Any], *, within: float) -> None:
        super().__init__()
        if not (isinstance(by, str) and by) and not callable(by):
            raise ConfigurationError(f"by={by!r} is neither the name of a field nor a function of the element")
        number = isinstance(within, int | float) and not isinstance(within, bool)
        if not number or not 0 < within <= _LONGEST_SECONDS:
            raise ConfigurationError(f"within={within!r} is not a number of seconds, more than 0 and at most a year")
        self._by = by
        self._within = within

    def display_data(self) -> dict[str, Any]:
        """The arguments."""
        return display_items(None, by=self._by, within=self._within)

    def expand(self, elements: Any) -> Any:
        """Elements by their ids, then one of each."""
        windows = elements.windowing.windowfn
        if windows != GlobalWindows():
            raise ConfigurationError(
                f"{self.label} after {windows}: a duplicate can be in another window. Put DropDuplicates before WindowInto"
            )
        element_type = elements.element_type or typehints.Any
        keyed = elements | "Id" >> beam.ParDo(_WithIdFn(self._by)).with_output_types(
            typehints.Tuple[bytes, element_type]
        )
        return keyed | "First" >> beam.ParDo(_FirstFn(self._within)).with_output_types(element_type)


class _WithIdFn(beam.DoFn):
    """Element → ``(id, element)``."""

    def __init__(self, by: str | Callable[[Any], Any]) -> None:
        self._by = FieldValue(by) if isinstance(by, str) else by

    def process(self, element: Any) -> Iterator[tuple[bytes, Any]]:
        """Find the id."""
        yield _encoded(self._by(element), element), element


class _FirstFn(beam.DoFn):
    """``(id, element)`` → the first element of each id."""

    SEEN = ReadModifyWriteStateSpec("seen", coders.BooleanCoder())
    FORGET = TimerSpec("forget", TimeDomain.WATERMARK)

    def __init__(self, within: float) -> None:
        self._within = within
        self._dropped = Metrics.counter("beam_dis.duplicates", "dropped")

    def process(
        self,
        keyed: tuple[bytes, Any],
        timestamp: Any = beam.DoFn.TimestampParam,
        seen: Any = beam.DoFn.StateParam(SEEN),  # noqa: B008 - Beam reads parameters from defaults
        forget: Any = beam.DoFn.TimerParam(FORGET),  # noqa: B008 - as above
    ) -> Iterator[Any]:
        """Pass the element on unless its id was seen."""
        if seen.read():
            self._dropped.inc()
            return
        seen.write(True)
        forget.set(min(timestamp + Duration(seconds=self._within), MAX_TIMESTAMP))
        _, element = keyed
        yield element

    @on_timer(FORGET)
    def forget(self, seen: Any = beam.DoFn.StateParam(SEEN)) -> None:  # noqa: B008 - as above
        """Forget an id."""
        seen.clear()


def _encoded(found: Any, element: Any) -> bytes:
    """An id as bytes; ids of different types are different. Raises EncodeError for other types."""
    value = plain_value(found)
    if type(value) is str:
        return b"s" + value.encode()
    if type(value) is int:
        return b"i%d" % value
    if isinstance(value, bytes | bytearray | memoryview):
        return b"b" + plain_bytes(value)
    raise EncodeError(
        f"DropDuplicates: the id of {shown(element)} is {described(found)}, which is not text, bytes or an int"
    )
