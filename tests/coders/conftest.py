import gzip
from pathlib import Path

import pytest

PIPELINES = Path(__file__).parents[2] / "pipelines"


@pytest.fixture(scope="session")
def flights_schema():
    return (PIPELINES / "flights.avsc").read_text()


@pytest.fixture(scope="session")
def flights():
    """The rows of January 2013, as bytes, without the header."""
    return gzip.decompress((PIPELINES / "data" / "flights-2013-01.csv.gz").read_bytes()).splitlines()[1:]
