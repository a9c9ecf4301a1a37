"""Records that can't be sent raise EncodeError, which names the record, the field and what to do; nothing is sent."""

import pytest

from beam_dis.errors import ConfigurationError, EncodeError
from beam_dis.record import PutRecord

WRONG = {
    "client information": (
        PutRecord(b"x", client_info=b"csv"),
        "client_info=b'csv': records of DIS have no client information",
    ),
    "text as data": (
        PutRecord("test"),
        r"""data='test' is of type str, not bytes: encode it, such as data="test"\.encode\(\)""",
    ),
    "None as data": (PutRecord(None), "data=None is of type NoneType, not bytes: give bytes"),
    "a number as data": (PutRecord(5), r"data=5 is of type int, not bytes: give bytes"),
    "a list as data": (PutRecord([1]), r"data=\[1\] is of type list, not bytes: give bytes"),
    "NaN as data": (PutRecord(float("nan")), r"data=nan is of type float, not bytes: give bytes"),
    "no data": (PutRecord(b""), "data is empty: give at least one byte"),
    "an empty memoryview": (PutRecord(memoryview(b"")), "data is empty: give at least one byte"),
    "a bytes key": (
        PutRecord(b"x", partition_key=b"k"),
        r"partition_key=b'k' \(bytes\) is not text: decode it",
    ),
    "a number as key": (PutRecord(b"x", partition_key=5), r"partition_key=5 \(int\) is not text"),
    "an empty key": (
        PutRecord(b"x", partition_key=""),
        "partition_key='' is empty: give text, or None if the record has",
    ),
    "half a surrogate pair as key": (
        PutRecord(b"x", partition_key="\ud800"),
        "partition_key=.* can't be encoded as UTF-8",
    ),
    "a dict": ({"data": b"x"}, r"it is \{'data': b'x'\} \(dict\): give PutRecord\(data, partition_key=…\)"),
    "bytes": (b"x", r"it is b'x' \(bytes\): give PutRecord\(data, partition_key=…\)"),
    "None": (None, r"it is None: give PutRecord\(data, partition_key=…\)"),
    "a timestamp in seconds as a float": (
        PutRecord(b"x", timestamp=1357034400.25),
        r"timestamp=1357034400\.25 \(float\) is not a time in milliseconds since 1970: give an int of 0 to",
    ),
    "a PutRecord's class": (PutRecord, r"it is <class .* \(StructMeta\): give PutRecord"),
    "a hash key that is too large": (
        PutRecord(b"x", explicit_hash_key=2**63),
        r"explicit_hash_key=9223372036854775808 \(int\) is not an int of 0 to 2\*\*63 - 1, nor its decimal text",
    ),
    "a negative hash key": (
        PutRecord(b"x", explicit_hash_key=-1),
        r"explicit_hash_key=-1 \(int\) is not an int of 0 to",
    ),
    "text as hash key": (PutRecord(b"x", explicit_hash_key="0x1"), "explicit_hash_key='0x1' is not an int of 0 to"),
    "a float as hash key": (
        PutRecord(b"x", explicit_hash_key=1.0),
        r"explicit_hash_key=1\.0 \(float\) is not an int of 0 to",
    ),
    "bytes as hash key": (
        PutRecord(b"x", explicit_hash_key=b"1"),
        r"explicit_hash_key=b'1' \(bytes\) is not an int of 0 to",
    ),
    "a bool as hash key": (
        PutRecord(b"x", explicit_hash_key=True),
        r"explicit_hash_key=True \(bool\) is not an int of 0 to",
    ),
    "an empty hash key": (PutRecord(b"x", explicit_hash_key=""), "explicit_hash_key='' is not an int of 0 to"),
    "a huge hash key": (
        PutRecord(b"x", explicit_hash_key=10**5000),
        r"explicit_hash_key=<int> \(int\) is not an int of",
    ),
    "an empty partition": (PutRecord(b"x", partition_id=""), "partition '' is neither a number nor a partition id"),
    "a bool as partition": (PutRecord(b"x", partition_id=True), r"partition True \(bool\) is neither a number"),
    "a float as partition": (PutRecord(b"x", partition_id=0.0), r"partition 0\.0 \(float\) is neither a number"),
    "a wrong partition": (
        PutRecord(b"x", partition_id="first"),
        "partition 'first' is neither a number nor a partition id such as 'shardId-0000000000'",
    ),
    "a negative partition": (PutRecord(b"x", partition_id=-1), r"partition -1 \(int\) is neither a number nor"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_record_that_cannot_be_sent_is_named_and_nothing_is_sent(wrong, connect, ok):
    record, message = WRONG[wrong]
    rig = connect(lambda _: ok())
    with pytest.raises(EncodeError, match=f"^record 1 of 3 for stream 's': {message}"):
        rig.client.put_records("s", [PutRecord(b"a"), record, PutRecord(b"c")])
    assert rig.transport.sent == []


@pytest.mark.parametrize("records", ["test", b"test", {"data": b"x"}, PutRecord(b"x"), None, 5])
def test_one_record_or_another_value_instead_of_a_list_is_refused(records, connect, ok):
    rig = connect(lambda _: ok())
    with pytest.raises(EncodeError, match=r"^records for stream 's' are .*: give a list of PutRecord\(data, …\)"):
        rig.client.put_records("s", records)
    assert rig.transport.sent == []


def test_an_empty_list_of_records_is_refused(connect, ok):
    rig = connect(lambda _: ok())
    with pytest.raises(ConfigurationError, match="no records to put into stream 's': give at least one"):
        rig.client.put_records("s", [])
    assert rig.transport.sent == []


def test_every_valid_form_of_a_record_is_sent(connect, ok):
    results = {"records": [{"partition_id": "shardId-0000000000", "sequence_number": "0"}] * 6}
    rig = connect([ok(results)])
    rig.client.put_records(
        "s",
        (
            record
            for record in [
                PutRecord(b"a", partition_key="k"),
                PutRecord(bytearray(b"b"), explicit_hash_key=2**63 - 1),
                PutRecord(memoryview(b"c"), explicit_hash_key="007"),
                PutRecord(b"d", partition_id=3),
                PutRecord(b"e", partition_id="shardId-0000000003"),
                PutRecord(b"f", timestamp=1357034400250),
            ]
        ),
    )
    _, _, body = rig.sent
    assert body["records"] == [
        {"data": "YQ==", "partition_key": "k"},
        {"data": "Yg==", "explicit_hash_key": "9223372036854775807"},
        {"data": "Yw==", "explicit_hash_key": "7"},
        {"data": "ZA==", "partition_id": "shardId-0000000003"},
        {"data": "ZQ==", "partition_id": "shardId-0000000003"},
        {"data": "Zg==", "timestamp": 1357034400250},
    ]
