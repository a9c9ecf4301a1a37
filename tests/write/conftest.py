"""What the tests of the sink share."""

import pytest
from fake_service import ServiceOf


@pytest.fixture
def write_through():
    """Makes a transform write through a service of the test, and returns it: ``write_through(service, transform)``."""

    def replace(service, transform):
        transform._service_of = ServiceOf(service)
        return transform

    return replace
