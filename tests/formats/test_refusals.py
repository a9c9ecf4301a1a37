"""What is raised for a value that can't be written or read: once, with the field, whatever is around it."""

import pytest

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
