from collections.abc import Sequence
from typing import Optional

import apache_beam as beam
from apache_beam.typehints import schemas

from beam_dis.coders import AvroCoder, JSONCoder
from beam_dis.coders.dis_record import DISRecord


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
