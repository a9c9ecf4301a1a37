"""The iterators return the entries of all pages, in order, and end."""

import pytest

NAMES = [f"s{i:02}" for i in range(7)]


def after(target, parameter):
    return target.split(f"{parameter}=")[1].split("&")[0] if f"{parameter}=" in target else ""


def test_iter_streams_goes_through_every_page(connect, ok):
    def answer(request):
        rest = [name for name in NAMES if name > after(request.target, "start_stream_name")]
        return ok({"total_number": 7, "stream_names": rest[:3], "has_more_streams": len(rest) > 3})

    rig = connect(answer)
    assert list(rig.client.iter_streams()) == NAMES
    assert len(rig.transport.sent) == 3


def test_iter_apps_goes_through_every_page(connect, ok):
    def answer(request):
        rest = [name for name in NAMES if name > after(request.target, "start_app_name")]
        return ok({"apps": [{"app_name": name} for name in rest[:3]], "has_more_app": len(rest) > 3})

    assert [app.app_name for app in connect(answer).client.iter_apps()] == NAMES


def test_iter_consumer_states_goes_through_every_page(connect, ok):
    def answer(request):
        rest = list(range(int(after(request.target, "start_partition_id") or -1) + 1, 5))
        states = [{"partition_id": str(n), "sequence_number": str(n)} for n in rest[:2]]
        return ok({"partition_consuming_states": states, "has_more": len(rest) > 2})

    states = connect(answer).client.iter_consumer_states("a", stream_name="s")
    assert [state.partition_id for state in states] == ["0", "1", "2", "3", "4"]


def test_describe_whole_stream_has_every_partition(connect, ok):
    def answer(request):
        start = int(after(request.target, "start_partitionId").removeprefix("shardId-") or -1) + 1
        page = [{"partition_id": f"shardId-{n:010}"} for n in range(start, min(start + 2, 5))]
        return ok({"stream_name": "s", "partitions": page, "has_more_partitions": start + 2 < 5})

    whole = connect(answer).client.describe_whole_stream("s")
    assert [p.partition_id for p in whole.partitions] == [f"shardId-{n:010}" for n in range(5)]
    assert whole.has_more_partitions is False


@pytest.mark.parametrize("flag", ["has_more_streams", "has_more_app"])
def test_an_empty_page_ends_the_listing_even_if_it_claims_more(flag, connect, ok):
    rig = connect(lambda _: ok({"stream_names": [], "apps": [], flag: True}))
    assert (list(rig.client.iter_streams()), list(rig.client.iter_apps())) == ([], [])
