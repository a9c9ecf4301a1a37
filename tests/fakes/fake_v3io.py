"""A V3IO in memory as a transport: shards with gaps in their numbers, locations that it can forget, and what it can be told to do."""

import base64
import json
from email.utils import formatdate
from urllib.parse import parse_qs, unquote, urlsplit

from beam_dis.client.transport import Response

NOW = 1_767_225_600.0
SECOND = 10**9


class FakeTime:
    """A clock that only ``sleep`` advances."""

    def __init__(self):
        self.seconds = NOW

    def now(self):
        return self.seconds

    def sleep(self, seconds):
        self.seconds += seconds


class FakeShard:
    """Records as (number, arrival in ns, data, key, info); those before ``expired`` are gone."""

    def __init__(self):
        self.records = []
        self.expired = 0

    def add(self, number, data=b"x", *, arrival=None, key=None, info=None):
        latest = self.records[-1][1] if self.records else int(NOW) * SECOND
        self.records.append((number, latest + 1_000_000 if arrival is None else arrival, data, key, info))


class FakeV3IO:
    """Answers requests as V3IO does, in streams of a container ``c``.

    ``answers`` are given instead, in order; an exception is raised. ``accepts_next``: a seek accepts the number after that of a
    record too. ``generation`` is part of locations, so raising it makes them all illegal.
    """

    def __init__(self, *, shards=1, time=None):
        self.streams = {"a/b": [FakeShard() for _ in range(shards)]}
        self.time = time or FakeTime()
        self.accepts_next = False
        self.generation = 0
        self.retention_hours = 24
        self.answers = []
        self.sent = []
        self.renewals = 0
        self.closed = False
        self.largest_page = 10_000_000

    @property
    def shard(self):
        return self.streams["a/b"][0]

    @property
    def functions(self):
        """The functions that were called, in order."""
        return [request.headers.get("x-v3io-function", request.method) for request in self.sent]

    def send(self, request):
        self.sent.append(request)
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            if answer is not None:
                return answer
        return self._answer(request)

    def renew(self):
        self.renewals += 1

    def close(self):
        self.closed = True

    def ok(self, body=None, *, status=200):
        text = b"" if body is None else json.dumps(body).encode()
        return Response(status, {"date": formatdate(self.time.now(), usegmt=True)}, text)

    def refused(self, name, number=-201326592, status=400):
        return Response(status, {}, json.dumps({"ErrorCode": number, "ErrorMessage": name}).encode())

    def _answer(self, request):
        parts = [unquote(part) for part in urlsplit(request.target).path.strip("/").split("/")]
        function = request.headers.get("x-v3io-function", request.method)
        if function in ("GET", "DELETE"):
            return self._object(request, "/".join(parts[1:]))
        body = json.loads(request.body or b"{}")
        if function in ("Seek", "GetRecords"):
            *path, number = parts[1:]
            shards = self.streams.get("/".join(path))
            if shards is None:
                return self.refused("ResourceNotFoundException", -2, 404)
            if int(number) >= len(shards):
                return self.refused("ShardIDOutOfRangeException", -201326594)
            return getattr(self, f"_{function.lower()}")(shards[int(number)], body)
        return getattr(self, f"_{function.lower()}")("/".join(parts[1:]), body)

    def _object(self, request, path):
        if request.method == "GET":
            (prefix,) = parse_qs(urlsplit(request.target).query)["prefix"]
            shards = self.streams.get(prefix.rstrip("/"))
            if shards is None:
                return self.refused("ResourceNotFoundException", -2, 404)
            keys = "".join(f"<Contents><Key>{prefix}{n}</Key></Contents>" for n in range(len(shards)))
            more = "<IsTruncated>false</IsTruncated>"
            return Response(200, {}, f"<ListBucketResult>{more}{keys}</ListBucketResult>".encode())
        self.streams.pop(path, None)
        return self.ok(status=204)

    def _createstream(self, path, body):
        if path in self.streams:
            return self.refused("ResourceAlreadyExistsException", -17, 409)
        self.streams[path] = [FakeShard() for _ in range(body.get("ShardCount", 1))]
        return self.ok(status=204)

    def _updatestream(self, path, body):
        shards = self.streams[path]
        if body["ShardCount"] <= len(shards):
            return self.refused("InvalidShardCountException", -201326595)
        shards += [FakeShard() for _ in range(body["ShardCount"] - len(shards))]
        return self.ok(status=204)

    def _describestream(self, path, _body):
        if path not in self.streams:
            return self.refused("ResourceNotFoundException", -2, 404)
        return self.ok({"ShardCount": len(self.streams[path]), "RetentionPeriodHours": self.retention_hours})

    def _putrecords(self, path, body):
        if path not in self.streams:
            return self.refused("ResourceNotFoundException", -2, 404)
        results = [self._put(self.streams[path], record) for record in body["Records"]]
        return self.ok({"FailedRecordCount": sum("ErrorCode" in each for each in results), "Records": results})

    def _put(self, shards, record):
        number = record.get("ShardId", 0)
        if number >= len(shards):
            return {"ErrorCode": -201326594, "ErrorMessage": "ShardIDOutOfRangeException"}
        shard, info = shards[number], record.get("ClientInfo")
        sequence = shard.records[-1][0] + 3 if shard.records else 5
        shard.add(
            sequence,
            base64.b64decode(record["Data"]),
            arrival=int(self.time.now() * SECOND),
            key=record.get("PartitionKey"),
            info=None if info is None else base64.b64decode(info),
        )
        return {"SequenceNumber": sequence, "ShardId": number}

    def _seek(self, shard, body):
        live = range(shard.expired, len(shard.records))
        kind = body["Type"]
        if kind == "SEQUENCE":
            wanted = body["StartingSequenceNumber"]
            found = [i for i in live if shard.records[i][0] == wanted]
            if not found and self.accepts_next:
                found = [i + 1 for i in live if shard.records[i][0] == wanted - 1]
            if not found:
                return self.refused("InvalidArgumentException")
            index = found[0]
        elif kind == "TIME":
            time = body["TimestampSec"] * SECOND + body["TimestampNSec"]
            index = next((i for i in live if shard.records[i][1] >= time), len(shard.records))
        else:
            index = shard.expired if kind == "EARLIEST" else len(shard.records)
        return self.ok({"Location": f"{self.generation}-{index}"})

    def _getrecords(self, shard, body):
        generation, index = map(int, body["Location"].split("-"))
        if generation != self.generation or index < shard.expired:
            return self.refused("IllegalLocationException", -201326593)
        page, left = [], self.largest_page
        for record in shard.records[index : index + body.get("Limit", 1000)]:
            left -= len(record[2])
            if left < 0 and page:
                break
            page.append(record)
        end = index + len(page)
        newest = shard.records[-1][1] if shard.records else 0
        return self.ok(
            {
                "NextLocation": f"{self.generation}-{end}",
                "MSecBehindLatest": max(0, newest - page[-1][1]) // 1_000_000 if page else 0,
                "RecordsBehindLatest": len(shard.records) - end,
                "Records": [_shown(record) for record in page],
            }
        )


def _shown(record):
    number, arrival, data, key, info = record
    shown = {
        "SequenceNumber": number,
        "ArrivalTimeSec": arrival // SECOND,
        "ArrivalTimeNSec": arrival % SECOND,
        "Data": base64.b64encode(data).decode(),
    }
    if key is not None:
        shown["PartitionKey"] = key
    if info is not None:
        shown["ClientInfo"] = base64.b64encode(info).decode()
    return shown
