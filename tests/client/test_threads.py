"""One client, many threads: every caller gets the answer to its own request."""

from concurrent.futures import ThreadPoolExecutor

from beam_dis.stream_service import PageRecord, ReadPosition


def test_many_threads_share_one_client(connect, ok):
    def echo(request):
        name = request.target.rsplit("/", 1)[1]
        return ok({"app_name": name})

    client = connect(echo).client
    names = [f"app-{n}" for n in range(400)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda name: client.describe_app(name).app_name, names))
    assert answers == names


def test_many_threads_read_one_service(connect, ok):
    def echo(request):
        if "/streams/" in request.target:
            return ok({"stream_id": "id"})
        number = request.target.split("starting-sequence-number=")[-1].split("partition-cursor=")[-1].partition("&")[0]
        if "cursors" in request.target:
            return ok({"partition_cursor": number})
        records = [{"sequence_number": number, "data": "eA==", "timestamp": 1}]
        return ok({"records": records, "next_partition_cursor": str(int(number) + 1)})

    service = connect(echo).service
    with ThreadPoolExecutor(16) as pool:
        pages = list(pool.map(lambda n: service.read(ReadPosition("s", "id", "0", n), 2**21).records, range(400)))
    assert pages == [[PageRecord(n, b"x", 1)] for n in range(400)]
