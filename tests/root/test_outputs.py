"""The result of a transform with several outputs, if it is used like a PCollection."""

from __future__ import annotations

import copy

import apache_beam as beam
import pytest
from apache_beam.transforms.util import WaitOn

from beam_dis import DISConnection, ReadFromDIS, StoppingPosition, WriteToDIS
from beam_dis.errors import ConfigurationError

CONNECTION = DISConnection(endpoint="http://localhost:1", project_id="p")
TAKE_RECORDS = r"take `.dead_letters` \(with dead_letters=True\), `.positions` \(with commit=\"manual\"\) or `.records`"
TAKE_WRITTEN = r"take `.written` \(with results=True\), `.dead_letters` \(with dead_letters=True\) or `.done`"


def read(pipeline):
    return pipeline | ReadFromDIS("s", stop=StoppingPosition.latest(), dead_letters=True, connection=CONNECTION)


def write(pipeline, **options):
    return pipeline | "Elements" >> beam.Create([b"a"]) | WriteToDIS("s", connection=CONNECTION, **options)


def write_with_results(pipeline):
    return write(pipeline, results=True, dead_letters=True)


TRANSFORMS = {
    "Map": lambda: "Show" >> beam.Map(print),
    "GroupByKey": beam.GroupByKey,
    "GroupBy": lambda: beam.GroupBy("word"),
    "Count": beam.combiners.Count.Globally,
    "WindowInto": lambda: beam.WindowInto(beam.window.FixedWindows(1)),
    "Reshuffle": beam.Reshuffle,
    "Flatten": beam.Flatten,
    "WriteToDIS": lambda: "Again" >> WriteToDIS("s", connection=CONNECTION),
    "text": lambda: "no transform",
}


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
@pytest.mark.parametrize(
    ("result_of", "advice"), [(read, TAKE_RECORDS), (write, TAKE_WRITTEN), (write_with_results, TAKE_WRITTEN)]
)
def test_a_result_before_a_transform_says_which_outputs_to_take(result_of, advice, transform):
    with pytest.raises(ConfigurationError, match=advice):
        _ = result_of(beam.Pipeline()) | transform()


@pytest.mark.parametrize(("result_of", "advice"), [(read, TAKE_RECORDS), (write, TAKE_WRITTEN)])
@pytest.mark.parametrize("view", [beam.pvalue.AsIter, beam.pvalue.AsList, beam.pvalue.AsSingleton, beam.pvalue.AsDict])
def test_a_result_as_a_side_input_says_which_outputs_to_take(result_of, advice, view):
    with pytest.raises(AttributeError, match=advice):
        view(result_of(beam.Pipeline()))


def test_waiting_on_a_result_says_which_outputs_to_take():
    pipeline = beam.Pipeline()
    with pytest.raises(ConfigurationError, match=TAKE_WRITTEN):
        _ = pipeline | beam.Create([1]) | WaitOn(write(pipeline))


def test_a_result_is_a_tuple_all_the_same():
    result = read(beam.Pipeline())
    records, dead_letters, positions = result
    assert result == (records, dead_letters, positions)
    assert positions is None
    assert not hasattr(result, "is_bounded")
    assert copy.copy(result)._asdict() == {"records": records, "dead_letters": dead_letters, "positions": None}
