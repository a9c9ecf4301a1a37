"""docs/coming-from.md names each parameter of Beam's transforms, and only parameters that ours have."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
from apache_beam.io.gcp.pubsub import ReadFromPubSub, WriteToPubSub
from apache_beam.io.kafka import ReadFromKafka, WriteToKafka
from apache_beam.io.kinesis import ReadDataFromKinesis, WriteToKinesis

from beam_dis import DISConnection, ReadFromDIS, WriteToDIS

PAGE = (Path(__file__).parents[2] / "docs" / "coming-from.md").read_text("utf-8")
TRANSFORMS = [ReadFromKafka, WriteToKafka, ReadDataFromKinesis, WriteToKinesis, ReadFromPubSub, WriteToPubSub]


def rows_about(transform: type) -> list[list[str]]:
    """The rows of the table about a transform, as their cells."""
    section = PAGE.partition(f"\n## {transform.__name__}\n")[2].partition("\n## ")[0]
    return [re.split(r" *\| *", line)[1:-1] for line in section.splitlines() if line.startswith("| `")]


def parameters_of(callable_) -> set[str]:
    return set(inspect.signature(callable_).parameters)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_each_parameter_of_a_transform_of_beam_has_a_row(transform):
    named = [row[0].strip("`") for row in rows_about(transform)]
    assert sorted(named) == sorted(parameters_of(transform))


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_what_takes_its_place_is_a_parameter_of_ours(transform):
    ours = parameters_of(ReadFromDIS if transform.__name__.startswith("Read") else WriteToDIS)
    named = {name for row in rows_about(transform) for name in re.findall(r"`([a-z_]+)(?:=[^`]*)?`", row[1])}
    assert named - ours == set()


def test_fields_of_the_connection_exist():
    assert set(re.findall(r"DISConnection\((\w+)=", PAGE)) - parameters_of(DISConnection) == set()


def test_a_table_is_split_into_cells():
    assert rows_about(ReadFromPubSub)[0][:2] == ["`topic`", "`stream`"]
