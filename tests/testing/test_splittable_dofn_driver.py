"""The driver, on a small splittable DoFn that counts up to its element."""

import apache_beam as beam
import pytest
from apache_beam.coders import VarIntCoder
from apache_beam.io.restriction_trackers import OffsetRange, OffsetRestrictionTracker
from apache_beam.io.watermark_estimators import ManualWatermarkEstimator
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.core import RestrictionProvider, WatermarkEstimatorProvider
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import Duration, Timestamp

from beam_dis.errors import ConfigurationError, DISError
from beam_dis.testing import ProcessCall, SplittableDoFnDriver


class UpTo(RestrictionProvider):
    """The numbers from 0 up to the element."""

    def initial_restriction(self, element):
        return OffsetRange(0, element)

    def create_tracker(self, restriction):
        return OffsetRestrictionTracker(restriction)

    def restriction_size(self, element, restriction):
        return restriction.size()


class Watermarks(WatermarkEstimatorProvider):
    """The watermark starts at 5 s; its state is the watermark."""

    def initial_estimator_state(self, element, restriction):
        return Timestamp(5)

    def create_watermark_estimator(self, estimator_state):
        return ManualWatermarkEstimator(estimator_state)

    def estimator_state_coder(self):
        return SecondsCoder()


class SecondsCoder(beam.coders.Coder):
    """Encodes the whole seconds of a timestamp, so that a test sees which timestamps passed through it."""

    def encode(self, value):
        return VarIntCoder().encode(value.seconds())

    def decode(self, encoded):
        return Timestamp(VarIntCoder().decode(encoded))


RANGE = beam.DoFn.RestrictionParam(UpTo())
WATERMARK = beam.DoFn.WatermarkEstimatorParam(Watermarks())


class Count(beam.DoFn):
    """Counts up, three numbers a call; each number n has the timestamp n s, and is tagged if it is divisible by 5."""

    def __init__(self):
        self.events = []

    def setup(self):
        self.events.append("setup")

    def start_bundle(self):
        self.events.append("start")

    def process(self, element, finalizer=beam.DoFn.BundleFinalizerParam, tracker=RANGE, watermark=WATERMARK):
        start = tracker.current_restriction().start
        for number in range(start, start + 3):
            if not tracker.try_claim(number):
                return
            timed = TimestampedValue(number, number)
            yield TaggedOutput("fives", timed) if number % 5 == 0 else timed
        finalizer.register(lambda: self.events.append(f"finalized {start}"))
        watermark.set_watermark(Timestamp(start + 10.5))
        tracker.defer_remainder(Duration(seconds=60))

    def finish_bundle(self):
        self.events.append("finish")

    def teardown(self):
        self.events.append("teardown")


def test_each_call_gets_what_the_one_before_left():
    driver = SplittableDoFnDriver(Count(), 7)
    calls = []
    while driver.residual is not None:
        calls.append(driver.call())
    assert [call.elements for call in calls] == [[(1, 1000), (2, 2000)], [(3, 3000), (4, 4000)], [(6, 6000)]]
    assert [call.tagged for call in calls] == [{"fives": [(0, 0)]}, {"fives": [(5, 5000)]}, {}]
    assert [call.watermark for call in calls] == [10_500, 13_500, None]


def test_a_call_that_pauses_says_for_how_long():
    assert 59 < SplittableDoFnDriver(Count(), 7).call().delay <= 60


def test_a_call_that_finishes_the_element_has_no_watermark_and_no_delay():
    assert SplittableDoFnDriver(Count(), 2).call() == ProcessCall([(1, 1000)], None, None, {"fives": [(0, 0)]})


def test_the_residual_is_the_work_that_is_left():
    driver = SplittableDoFnDriver(Count(), 7)
    assert (driver.residual, driver.size) == ((7, OffsetRange(0, 7), Timestamp(5)), 7)
    driver.call()
    assert (driver.residual, driver.size) == ((7, OffsetRange(3, 7), Timestamp(10)), 4)


def test_a_test_may_set_the_residual():
    driver = SplittableDoFnDriver(Count(), 7)
    driver.residual = (7, OffsetRange(6, 7), Timestamp(5))
    assert driver.call().elements == [(6, 6000)]


def test_the_state_that_is_left_passes_through_its_coder():
    driver = SplittableDoFnDriver(Count(), 7)
    assert driver.call().watermark == 10_500
    assert driver.residual.watermark_state == Timestamp(10)


def test_the_callbacks_of_the_bundle_finalizer_run_once():
    fn = Count()
    driver = SplittableDoFnDriver(fn, 7)
    driver.call()
    assert (driver.has_finalizers, "finalized 0" in fn.events) == (True, False)
    driver.finalize()
    assert (driver.has_finalizers, "finalized 0" in fn.events) == (False, True)
    driver.finalize()
    assert fn.events.count("finalized 0") == 1


def test_a_runner_may_never_confirm_its_bundles():
    fn = Count()
    driver = SplittableDoFnDriver(fn, 7)
    driver.call()
    driver.lose_finalizers()
    driver.call()
    driver.finalize()
    assert [event for event in driver.fn.events if "finalized" in event] == ["finalized 3"]


def test_each_call_is_a_bundle():
    fn = Count()
    driver = SplittableDoFnDriver(fn, 4)
    driver.call()
    driver.call()
    driver.teardown()
    assert fn.events == ["setup", "start", "finish", "start", "finish", "teardown"]


def test_outputs_that_are_groups_are_unpacked():
    class CountInPairs(beam.DoFn):
        def process(self, element, tracker=RANGE):
            tracker.try_claim(element - 1)
            yield TimestampedValue([1, 2], 1)
            yield TimestampedValue([3], 2)

    driver = SplittableDoFnDriver(CountInPairs(), 3, unpack=list)
    assert driver.call().elements == [(1, 1000), (2, 1000), (3, 2000)]


def test_a_dofn_without_a_watermark_estimator_reports_none():
    class CountOne(beam.DoFn):
        def process(self, element, tracker=RANGE):
            tracker.try_claim(tracker.current_restriction().start)
            tracker.defer_remainder()

    driver = SplittableDoFnDriver(CountOne(), 3)
    assert driver.call() == ProcessCall([], None, 0.0, {})
    assert driver.residual.restriction == OffsetRange(1, 3)


def test_an_error_of_the_dofn_is_the_callers():
    class Fail(beam.DoFn):
        def process(self, element, tracker=RANGE):
            raise ZeroDivisionError("no")

    with pytest.raises(ZeroDivisionError, match="no"):
        SplittableDoFnDriver(Fail(), 3).call()


def test_a_finished_element_cannot_be_processed_again():
    driver = SplittableDoFnDriver(Count(), 2)
    driver.call()
    with pytest.raises(DISError, match="the element is finished"):
        driver.call()


def test_a_dofn_that_is_not_splittable_is_refused():
    class Plain(beam.DoFn):
        def process(self, element):
            yield element

    with pytest.raises(ConfigurationError, match="Plain is not a splittable DoFn"):
        SplittableDoFnDriver(Plain(), 3)
