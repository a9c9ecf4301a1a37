"""Reading answers: errors, ranges and clocks."""

import pytest

from beam_dis import errors
from beam_dis.client.answers import GoodAnswer, RequestInfo, as_of, error_body, error_of, expired_timestamp
from beam_dis.client.transport import Response
from beam_dis.wire.error_codes import ERROR_CODES

REQUEST = RequestInfo("https://dis.example", "get_cursor", "stream 's', partition '0'")


def refused(body, status=400):
    return error_of(REQUEST, Response(status, {}, body))


@pytest.mark.parametrize(
    "body",
    [
        b'{"errorCode":"DIS.4301","message":"gone"}',
        b'{"errorCode":"DIS.4301","errorMsg":"gone"}',
        b'{"error_code":"DIS.4301","error_msg":"gone"}',
        b'{"code":"DIS.4301","message":"gone"}',
        b'{"errorCode":"DIS.4301","message":"gone","error_code":"DIS.4301","error_msg":"gone","request_id":null}',
    ],
)
def test_an_error_body_is_read_in_each_of_its_forms(body):
    assert error_body(body) == ("DIS.4301", "gone")


@pytest.mark.parametrize("body", [b"", b"<html>502</html>", b"[]", b"null", b'{"errorCode":null}', b"\xff", b"{"])
def test_any_other_body_is_not_an_error_body(body):
    assert error_body(body) == ("", "")


@pytest.mark.parametrize("code", ERROR_CODES)
def test_every_code_becomes_its_class_and_keeps_its_text(code):
    row = ERROR_CODES[code]
    error = refused(f'{{"errorCode":"{code}","message":"{row.text}"}}'.encode(), row.status)
    assert type(error) is errors.class_of(code, row.status)
    assert (error.code, error.status, error.service_message) == (code, row.status, row.text)


def test_an_error_message_has_request_answer_and_advice():
    error = refused(b'{"errorCode":"DIS.4319","message":"Partition is expired. [s][p][shardId-0000000000]"}')
    assert str(error) == (
        "get_cursor (stream 's', partition '0'): DIS.4319 Partition is expired. [s][p][shardId-0000000000]"
        " - leave the partition out: it was scaled away and its retention has passed"
    )


def test_an_error_without_a_code_names_the_endpoint():
    error = refused(b"<html>", 404)
    assert str(error) == (
        "get_cursor (stream 's', partition '0'): HTTP 404 - check that https://dis.example is a DIS, and that"
        " nothing answers in its place"
    )


def test_an_out_of_range_error_has_the_range_of_the_partition():
    error = refused(
        b'{"errorCode":"DIS.4224","message":"Sequence_number out of range. [5280][ should be within ][3][ ][617]"}'
    )
    assert (type(error), error.earliest, error.next) == (errors.OutOfRangeError, 3, 617)


def test_an_out_of_range_error_without_a_range_has_none():
    error = refused(b'{"errorCode":"DIS.4224","message":"Sequence_number out of range."}')
    assert (error.earliest, error.next) == (None, None)


@pytest.mark.parametrize(
    ("code", "text", "expired"),
    [
        ("DIS.4300", "Request error. [timestamp is expired, timestamp should be larger than 1545728813434]", True),
        ("DIS.4300", "Request error.", False),
        ("DIS.4200", "timestamp should be larger than 1", False),
    ],
)
def test_an_expired_timestamp_is_recognised_by_code_and_text(code, text, expired):
    assert expired_timestamp(refused(f'{{"errorCode":"{code}","message":"{text}"}}'.encode())) is expired


@pytest.mark.parametrize(
    ("headers", "seconds", "expected"),
    [
        ({"date": "Thu, 01 Jan 2026 00:00:00 GMT"}, 0.25, 1_767_225_599_750),
        ({}, 0.25, 1_799_999_999_750),
        ({"date": "yesterday"}, 0.0, 1_800_000_000_000),
    ],
)
def test_as_of_is_the_services_time_when_the_request_was_sent(headers, seconds, expected):
    answer = GoodAnswer(REQUEST, Response(200, headers, b"", seconds))
    assert as_of(answer, now=1_800_000_000.0) == expected


def test_a_long_text_is_truncated():
    assert len(error_body(b'{"code":"X","message":"' + b"x" * 10_000 + b'"}')[1]) == 500


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "86400"}, 60),
        ({"retry-after": "9" * 5000}, 60),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:10 GMT", "date": "Wed, 21 Oct 2015 07:28:00 GMT"}, 10),
        ({"retry-after": "Wed, 21 Oct 2015 07:27:00 GMT", "date": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(headers, seconds):
    assert error_of(REQUEST, Response(429, headers, b"")).retry_after == seconds
