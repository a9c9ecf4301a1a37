"""What is raised for a value that can't be written or read: once, with the field, whatever is around it."""

import re

import pytest
from avro_schemas import nested_records, same, without_order
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from beam_dis.errors import DecodeError, EncodeError
from beam_dis.formats import AvroFormat, JSONFormat
from beam_dis.formats.mismatch import ValueMismatch

ITEM = {"type": "record", "name": "Item", "fields": [{"name": "sku", "type": "string"}]}
ORDER = {
    "type": "record",
    "name": "Order",
    "fields": [
        {"name": "items", "type": {"type": "array", "items": ITEM}},
        {"name": "notes", "type": {"type": "map", "values": "string"}},
    ],
}
FORMATS = [AvroFormat, JSONFormat]


def order(skus, notes=()):
    return {"items": [{"sku": sku} for sku in skus], "notes": dict(notes)}


@pytest.mark.parametrize("make", FORMATS)
@pytest.mark.parametrize(
    ("value", "field"),
    [
        (order(["a", "ä", "\ud800"]), r"items\[2\].sku"),
        (order(["a"], {"en": "ok", "d e": "\udfff"}), r"notes\['d e'\]"),
        (order(["a"], {"\ud800": "ok"}), r"notes\["),
    ],
)
def test_a_text_with_half_a_pair_is_named_where_it_is(make, value, field):
    with pytest.raises(EncodeError, match=f"field [\"']{field}.*surrogates not allowed"):
        make(ORDER).encode(value)


def mismatches(error):
    """The mismatches in the chain of an error, each of which costs time to make and to raise."""
    found = []
    while error is not None:
        found += [error] if isinstance(error, ValueMismatch) else []
        error = error.__cause__ or error.__context__
    return found


@pytest.mark.parametrize("make", FORMATS)
def test_a_wrong_value_deep_inside_makes_one_mismatch_to_write(make):
    with pytest.raises(EncodeError, match=r"items\[1\].sku") as caught:
        make(ORDER).encode(order(["a", 5]))
    assert len(mismatches(caught.value)) == 1


def test_a_wrong_value_deep_inside_makes_one_mismatch_to_read():
    good = AvroFormat(ORDER).encode(order(["a", "wrong"]))
    with pytest.raises(DecodeError, match=r"items\[1\].sku") as caught:
        AvroFormat(ORDER).decode(good.replace(b"wrong", b"wr\xffng"))
    assert len(mismatches(caught.value)) == 1


def test_a_wrong_member_of_json_is_shown_among_many_others():
    many = b", ".join(b'"x%d": [1, {"y": 2}]' % number for number in range(50))
    data = b'{%s, "items": [{"sku": "a"}, {"sku": 5}], "notes": {}}' % many
    with pytest.raises(DecodeError, match=r"items\[1\].sku.*: 5"):
        JSONFormat(ORDER).decode(data)


WRONG = [object(), None, 5, 5.5, "x", [], {}, [1], {"a": 1}, 2**70, True, "\ud800", b"x", (1,), {1: 2}, -1]


def places(value, path=()):
    """The paths to all values inside of a value, and to itself."""
    yield path
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in entries:
        yield from places(inner, (*path, step))


def with_value(value, path, wrong):
    """A copy of a value that has another value at a path."""
    if not path:
        return wrong
    copied = value.copy()
    copied[path[0]] = with_value(value[path[0]], path[1:], wrong)
    return copied


def outcome(format_, value):
    """What a value is after a round trip, or the field that is refused."""
    try:
        data = format_.encode(value)
    except EncodeError as error:
        found = re.match(r"field (['\"])(.*?)\1:", str(error), re.DOTALL)
        return found[2] if found else ""
    return [without_order(format_.decode(data))]


@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=100)
@given(st.data(), st.sampled_from(WRONG))
def test_avro_and_json_refuse_the_same_wrong_values_and_name_the_same_field(data, wrong):
    schema, values = data.draw(nested_records)
    avro, json, value = AvroFormat(schema), JSONFormat(schema), data.draw(values)
    assume(isinstance(outcome(json, value), list))  # JSON has no NaN
    changed = with_value(value, data.draw(st.sampled_from(list(places(value)))), wrong)
    left, right = outcome(avro, changed), outcome(json, changed)
    assert left == right or same(left, right), (schema, changed)


DURATION = {"type": "fixed", "size": 12, "name": "D", "logicalType": "duration"}
TIMED = {"type": "record", "name": "R", "fields": [{"name": "d", "type": DURATION}]}


@pytest.mark.parametrize("number", [-1, 2**32])
@pytest.mark.parametrize("make", FORMATS)
def test_a_number_of_a_duration_has_32_bits_without_a_sign(make, number):
    with pytest.raises(EncodeError, match=r"field 'd\.days': Expected `int`"):
        make(TIMED).encode({"d": {"months": 1, "days": number, "millis": 2**32 - 1}})


def test_a_duration_of_json_that_avro_could_not_write_is_refused():
    with pytest.raises(DecodeError, match=r"field 'd\.months': Expected `int` >= 0"):
        JSONFormat(TIMED).decode(b'{"d":{"months":-1,"days":0,"millis":0}}')
