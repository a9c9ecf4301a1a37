"""Runs a splittable DoFn in a test, one call of ``process`` at a time.

Rules:

1. The DoFn runs in Beam's own code for workers, so trackers, watermark estimators and bundle finalizers work as on a runner.
2. Each call is a bundle of its own, in the global window.
3. The restriction and the watermark state that are left pass through their coders before the next call, as they do when a
   runner makes a checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from apache_beam.runners.common import DoFnRunner, DoFnSignature, Receiver
from apache_beam.transforms.core import DoFn, Windowing
from apache_beam.transforms.window import GlobalWindows
from apache_beam.utils.windowed_value import WindowedValue

from beam_dis.errors import ConfigurationError, DISError


class ProcessCall(NamedTuple):
    """One call of ``process``, and what it reported.

    Attributes:
        elements: the elements of the main output, each with its timestamp in milliseconds since 1970.
        watermark: the watermark in milliseconds since 1970; None if the call finished the element, or if the DoFn has no
            watermark estimator.
        delay: in how many seconds the DoFn wants the next call; None if the call finished the element.
        tagged: the elements of each other output, by tag.
    """

    elements: list[tuple[Any, int]]
    watermark: int | None
    delay: float | None
    tagged: dict[str, list[tuple[Any, int]]]


class Residual(NamedTuple):
    """The work that is left: what the next call gets."""

    element: Any
    restriction: Any
    watermark_state: Any


class SplittableDoFnDriver:
    """Calls a splittable DoFn for one element, as a runner does, until nothing is left of it.

    ``residual`` is the work that is left, as ``(element, restriction, watermark_state)``; None if there is none. A test may
    set it. ``size`` is the size of its restriction, as the DoFn estimates it, and ``fn`` the DoFn.

        driver = SplittableDoFnDriver(ReadLines(), "lines.txt")
        first = driver.call()
        assert [line for line, _ in first.elements] == ["a", "b"]

    Args:
        fn: the DoFn. Its ``setup`` is called here.
        element: the element to process.
        unpack: returns the elements that an output stands for, for a DoFn that outputs them in groups. By default each output
            is one element.

    Raises:
        ConfigurationError: ``fn`` is not a splittable DoFn.
    """

    def __init__(self, fn: DoFn, element: Any, *, unpack: Callable[[Any], Iterable[Any]] | None = None) -> None:
        signature = DoFnSignature(fn)
        coder = signature.get_restriction_coder()
        if coder is None:
            raise ConfigurationError(
                f"{type(fn).__name__} is not a splittable DoFn: no argument of its process is a RestrictionParam"
            )
        self.fn = fn
        self._unpack = unpack or (lambda output: (output,))
        self._coder = coder
        self._outputs = _Outputs()
        self._runner = DoFnRunner(fn, [], {}, [], Windowing(GlobalWindows()), self._outputs)
        provider = signature.get_restriction_provider()
        restriction = provider.initial_restriction(element)
        state = signature.get_watermark_estimator_provider().initial_estimator_state(element, restriction)
        self.residual: tuple[Any, Any, Any] | None = Residual(element, restriction, state)
        self.size: float = provider.restriction_size(element, restriction)
        self._runner.setup()

    def call(self) -> ProcessCall:
        """Call ``process`` for the residual, in a bundle of its own.

        Raises:
            DISError: there is no residual, because the last call finished the element.
            Exception: the DoFn's own.
        """
        if self.residual is None:
            raise DISError("the element is finished: no residual is left to call the DoFn for")
        element, restriction, state = self.residual
        self.residual = None
        for output in self._outputs.values():
            output.received.clear()
        self._runner.start()
        value = ((element, (restriction, state)), self.size)
        residuals = list(self._runner.process_with_sized_restriction(GlobalWindows.windowed_value(value)) or ())
        self._runner.finish()
        elements = self._elements(self._outputs[None])
        tagged = {tag: self._elements(output) for tag, output in self._outputs.items() if tag and output.received}
        if not residuals:
            return ProcessCall(elements, None, None, tagged)
        (residual,) = residuals
        (element, restriction_and_state), self.size = residual.residual_value.value
        self.residual = Residual(element, *self._coder.decode(self._coder.encode(restriction_and_state)))
        watermark, delay = residual.current_watermark, residual.deferred_timestamp
        milliseconds = None if watermark is None else watermark.micros // 1000
        return ProcessCall(elements, milliseconds, delay.micros / 1e6 if delay else 0.0, tagged)

    def finalize(self) -> None:
        """Run the callbacks that calls have registered with their bundle finalizer, as a runner does after a checkpoint."""
        self._runner.bundle_finalizer_param.finalize_bundle()
        self._runner.bundle_finalizer_param.reset()

    @property
    def has_finalizers(self) -> bool:
        """Whether calls have registered callbacks that haven't run yet."""
        return bool(self._runner.bundle_finalizer_param.has_callbacks())

    def lose_finalizers(self) -> None:
        """Drop the registered callbacks, as a runner does that fails before it runs them."""
        self._runner.bundle_finalizer_param.reset()

    def teardown(self) -> None:
        """Call the DoFn's ``teardown``. The driver can't be used afterwards."""
        self._runner.teardown()

    def _elements(self, output: _Output) -> list[tuple[Any, int]]:
        return [
            (each, value.timestamp.micros // 1000) for value in output.received for each in self._unpack(value.value)
        ]


class _Output(Receiver):
    """Keeps what one output received."""

    def __init__(self) -> None:
        self.received: list[WindowedValue] = []

    def receive(self, windowed_value: WindowedValue) -> None:
        self.received.append(windowed_value)


class _Outputs(dict[str | None, _Output]):
    """The outputs by tag, None for the main one; an output is added when Beam asks for it first."""

    def __missing__(self, tag: str | None) -> _Output:
        self[tag] = _Output()
        return self[tag]
