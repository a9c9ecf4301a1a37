"""Each attempt at a request is counted, with its time and the code of its failure."""

from beam_dis.client.transport import Response
from beam_dis.errors import TransportError
from beam_dis.request_counts import RequestCounts


def test_each_attempt_is_counted_with_its_failure(connect, ok, refused):
    answers = iter([refused(4303), TransportError("cut"), Response(502), refused(5000, status=500), ok({"apps": []})])
    rig = connect(lambda _: next(answers))
    counts = RequestCounts()
    with counts.counting():
        rig.client.list_apps()
    assert counts.take() == (
        {"other": [0, 0, 0, 0, 0]},
        {"DIS.4303": 1, "no_answer": 1, "HTTP.502": 1, "DIS.5000": 1},
    )


def test_the_time_of_an_attempt_is_from_its_start_to_the_end_of_its_answer(connect, ok):
    rig = connect(lambda _: rig.time.sleep(0.25) or ok({"stream_names": [], "has_more_streams": False}))
    counts = RequestCounts()
    with counts.counting():
        rig.client.list_streams()
    assert counts.take().millis == {"list": [250]}
