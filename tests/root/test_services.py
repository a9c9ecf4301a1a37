"""Services are shared per connection, and closed together."""

import pickle

from beam_dis.client.dis_service import DISService
from beam_dis.connection import DISConnection
from beam_dis.services import Services, open_service

ONE = DISConnection(endpoint="http://127.0.0.1:1", project_id="one")
TWO = DISConnection(endpoint="http://127.0.0.1:1", project_id="two")


def test_equal_connections_share_a_service():
    services = Services()
    assert services.of(ONE) is services.of(pickle.loads(pickle.dumps(ONE)))
    assert services.of(ONE) is not services.of(TWO)
    services.close()


def test_closing_closes_every_service_and_a_later_one_is_new(monkeypatch):
    closed = []

    def close(service):
        closed.append(service)

    monkeypatch.setattr(DISService, "close", close)
    services = Services()
    opened = [services.of(ONE), services.of(TWO)]
    services.close()
    assert closed == opened
    assert services.of(ONE) is not opened[0]


def test_an_opened_service_is_not_shared():
    services = Services()
    one, other = open_service(ONE), open_service(ONE)
    assert len({id(one), id(other), id(services.of(ONE))}) == 3
    for service in (one, other, services):
        service.close()
