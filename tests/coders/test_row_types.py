import pickle
from collections.abc import Sequence
from typing import Optional

import apache_beam as beam
import pytest
from apache_beam.coders import FastPrimitivesCoder
from apache_beam.internal import pickler
from apache_beam.typehints import schemas
from apache_beam.typehints.row_type import RowTypeConstraint
from avro_schemas import nested_records
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import beam_dis.coders.row_types
from beam_dis.coders import AvroCoder, JSONCoder
from beam_dis.coders.dis_record import DISRecord
from beam_dis.coders.row_values import RowValues
from beam_dis.errors import EncodeError
from beam_dis.formats import read_schema


def schema(name, **types):
    return {
        "type": "record",
        "name": name,
        "fields": [{"name": field, "type": type_} for field, type_ in types.items()],
    }


def test_the_same_schema_is_the_same_row_type_in_every_format():
    assert AvroCoder(schema("A", x="int")).row_type is JSONCoder(schema("A", x="int")).row_type


def test_another_schema_of_the_same_name_is_another_row_type():
    assert AvroCoder(schema("A", x="int")).row_type is not AvroCoder(schema("A", x="long")).row_type


def test_the_id_of_a_row_type_depends_on_the_schema_alone():
    row_type = AvroCoder(schema("Fixed", x="int", y=["null", "string"])).row_type
    assert schemas.named_tuple_to_schema(row_type).id == "fc099595-8ba2-5a4e-9c4e-dde36a6906c9"


def test_types_are_pythons_own_as_combiners_and_annotations_need_them():
    row_type = AvroCoder(schema("B", x="int", y=["null", "float"], z={"type": "array", "items": "string"})).row_type
    assert row_type.__annotations__ == {"x": int, "y": Optional[float], "z": Sequence[str]}  # noqa: UP045 - what Beam understands


def test_rows_and_dis_records_have_the_row_coder_and_are_not_pickled():
    registry = beam.coders.registry
    for type_ in (AvroCoder(schema("C", x="int")).row_type, DISRecord):
        coder = registry.get_coder(type_)
        assert isinstance(coder, beam.coders.RowCoder)
        assert coder.to_type_hint() is type_


def test_every_field_of_a_dis_record_has_a_type_in_beams_schema():
    kinds = {
        field.name: field.type.WhichOneof("type_info") for field in schemas.named_tuple_to_schema(DISRecord).fields
    }
    assert kinds == dict.fromkeys(DISRecord._fields, "atomic_type")


def test_the_coder_of_a_dis_record_returns_it():
    record = DISRecord("s", "shardId-0000000000", 2**62, None, b"\x00\xff", 1_357_034_400_000)
    coder = beam.coders.registry.get_coder(DISRecord)
    assert coder.decode(coder.encode(record)) == record


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_rows_of_every_schema_keep_their_type_in_beams_row_coder_and_in_pickle(data):
    schema, values = data.draw(nested_records)
    value = data.draw(values)
    for make in (AvroCoder, JSONCoder):
        coder = make(schema)
        try:
            encoded = coder.encode(value)
        except EncodeError as error:
            assert "finite" in str(error)  # noqa: PT017 - JSON has no NaN
            continue
        row = coder.decode(encoded)
        row_coder = beam.coders.registry.get_coder(coder.to_type_hint())
        for back in (row_coder.decode(row_coder.encode(row)), pickle.loads(pickle.dumps(row))):
            assert type(back) is type(row) is coder.row_type
            assert repr(back) == repr(row)
            assert coder.encode(back) == encoded


FIELDS = {f"field_{number}": "long" for number in range(20)}


@pytest.mark.parametrize("module", [pickle, pickler])
def test_a_changed_row_is_of_its_type_and_pickled_by_the_types_name_alone(module):
    coder = AvroCoder(schema("Changed", **FIELDS))
    row = coder.row_type(*range(20))._replace(field_3=5)
    assert type(module.loads(module.dumps(row))) is coder.row_type
    assert module.loads(module.dumps(coder.row_type)) is coder.row_type
    assert len(FastPrimitivesCoder().encode(row)) < 400
    assert len(pickle.dumps([row] * 100)) - len(pickle.dumps([row])) < 300
    assert len(pickle.dumps([row._replace(field_0=number) for number in range(100)])) < 100 * 60 + 400


def test_rows_of_a_subclass_are_pickled_as_such():
    class Own(AvroCoder(schema("Own", x="int")).row_type):
        __slots__ = ()

    assert pickler.loads(pickler.dumps(Own(5))) == (5,)
    assert AvroCoder(schema("Own", x="int")).encode(Own(5)) == b"\x0a"


def test_the_hint_of_rows_is_beams_own_hint_of_the_row_type():
    coder = AvroCoder(schema("Hinted", x="int"))
    hint, beams = coder.to_type_hint(), RowTypeConstraint.from_user_type(coder.row_type)
    assert hint == beams
    assert beams == hint
    assert hash(hint) == hash(beams)
    assert hint.get_type_for("x") is int
    assert pickle.loads(pickle.dumps(hint)) == hint


def test_a_name_that_is_no_layout_is_no_attribute_of_the_module():
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        beam_dis.coders.row_types.Nothing  # noqa: B018


def test_the_row_type_of_a_record_is_made_once_however_often_it_is_used():
    """Each of 20 records has the one before it twice, so the layout of the last one has thousands of fields."""
    nested = {"type": "record", "name": "R0", "fields": [{"name": "x", "type": "int"}]}
    for level in range(1, 20):
        fields = [{"name": "a", "type": nested}, {"name": "b", "type": f"R{level - 1}"}]
        nested = {"type": "record", "name": f"R{level}", "fields": fields}
    values, record = RowValues(), read_schema(nested).record
    assert values.record(record) is values.record(record)
    assert values.record(record).kind is AvroCoder(nested).row_type
