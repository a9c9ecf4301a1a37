"""Services are shared per connection, and a process that uses many connections keeps few of them open."""

import gc
import pickle
import weakref

from beam_dis.connection import DISConnection
from beam_dis.services import MOST_SHARED, Services, open_service


class Opened:
    """A service that records whether it was closed."""

    def __init__(self, connection):
        self.connection, self.closed = connection, False

    def close(self):
        self.closed = True


def connection(number):
    return DISConnection(endpoint=f"http://127.0.0.1:{number + 1}", project_id="p")


def test_equal_connections_share_a_service():
    services = Services(Opened)
    assert services.of(connection(1)) is services.of(pickle.loads(pickle.dumps(connection(1))))
    assert services.of(connection(1)) is not services.of(connection(2))


def test_the_service_that_was_asked_for_least_recently_is_dropped_first():
    services = Services(Opened)
    opened = [weakref.ref(services.of(connection(n))) for n in range(MOST_SHARED)]
    services.of(connection(0))
    services.of(connection(MOST_SHARED))
    gc.collect()
    assert [n for n, service in enumerate(opened) if service() is None] == [1]


def test_a_dropped_service_stays_open_for_the_step_that_uses_it():
    services = Services(Opened)
    used = services.of(connection(0))
    for n in range(MOST_SHARED):
        services.of(connection(n + 1))
    assert services.of(connection(0)) is not used
    assert not used.closed


def test_closing_closes_every_service_and_a_later_one_is_new():
    services = Services(Opened)
    opened = [services.of(connection(n)) for n in range(2)]
    services.close()
    assert [service.closed for service in opened] == [True, True]
    assert services.of(connection(0)) is not opened[0]


def test_an_opened_service_is_not_shared():
    services = Services()
    one, other = open_service(connection(1)), open_service(connection(1))
    assert len({id(one), id(other), id(services.of(connection(1)))}) == 3
    for service in (one, other, services):
        service.close()
