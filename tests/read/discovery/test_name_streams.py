"""The first step of ReadAllFromDIS."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from beam_dis.errors import ConfigurationError
from beam_dis.positions import StartingPosition
from beam_dis.read.discovery.name_streams import NameStreamsFn
from beam_dis.read.values import START_OF_TIME_MS, StreamStart


@pytest.fixture
def name_streams(fake_service: Any, registry_on: Any) -> Any:
    """Creates the step, set up. ``step.own`` is the state of its read."""

    def make(*, on_prism: bool) -> Any:
        registry, ids = registry_on(fake_service()), itertools.count(1)
        step = NameStreamsFn(
            read_id="r", holds_watermarks=not on_prism, registry=lambda: registry, new_id=lambda: str(next(ids))
        )
        step.setup()
        step.own = registry.enter_read("r", step)
        return step

    return make


def test_equal_elements_become_streams_with_different_ids(name_streams: Any) -> None:
    step, start = name_streams(on_prism=True), StartingPosition.latest()
    streams = [stream for element in ("a", "a", ("a", start)) for stream in step.process(element)]
    assert streams == [StreamStart("a", None, "1"), StreamStart("a", None, "2"), StreamStart("a", start, "3")]
    assert len({stream.listing_key for stream in streams}) == 3


@pytest.mark.parametrize(("on_prism", "watermark"), [(True, START_OF_TIME_MS), (False, 5)])
def test_on_prism_a_stream_holds_back_the_watermark_at_once(name_streams: Any, on_prism: bool, watermark: int) -> None:
    step = name_streams(on_prism=on_prism)
    list(step.process("a"))
    assert step.own.board.lowest("a partition of another stream", 5) == watermark


@pytest.mark.parametrize("element", [7, "", ("a", "b", "c"), ("a", 7), "no name!"])
def test_an_element_that_is_no_stream_is_refused_and_named(name_streams: Any, element: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"neither the name or the id of a stream|is not a position"):
        list(name_streams(on_prism=False).process(element))
