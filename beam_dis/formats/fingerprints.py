"""The canonical form of a schema, and its fingerprint, by which single-object records name their schema.

Rules:
1. The form is Avro's *Parsing Canonical Form*: names in full, no attribute that doesn't change the bytes, one order, no spaces.
2. Every schema that is read has a form. Nothing is refused that Avro says to ignore, such as wrong attributes of a logical type.
3. A name without a namespace is looked for in the namespace that it is used in, then among the names without a namespace, as in
   Avro's Java library.
"""

from __future__ import annotations

import json
from typing import Any

from beam_dis.formats.schema import PRIMITIVES, full_name
from beam_dis.formats.type_tree import Schema

_EMPTY = 0xC15D213AA4D7A795
"""The fingerprint of no bytes, and the polynomial of CRC-64-AVRO."""


def canonical_form(schema: Schema) -> str:
    """The canonical form of a schema."""
    form = _form(json.loads(schema.text), "", set())
    return json.dumps(form, ensure_ascii=False, separators=(",", ":"))


def fingerprint(schema: Schema) -> bytes:
    """The 8 bytes of the CRC-64-AVRO of a schema's canonical form, in the order in which records have them."""
    number = _EMPTY
    for byte in canonical_form(schema).encode():
        number ^= byte
        for _ in range(8):
            number = (number >> 1) ^ (_EMPTY & -(number & 1))
    return number.to_bytes(8, "little")


def _form(avro: Any, namespace: str, known: set[str]) -> Any:
    """The form of a part of a schema.

    Args:
        avro: the part, which is right.
        namespace: the namespace that it is in.
        known: the full names that are defined before it, to which its own are added.
    """
    if isinstance(avro, list):
        return [_form(branch, namespace, known) for branch in avro]
    if isinstance(avro, str):
        full = full_name(avro, namespace)
        return avro if avro in PRIMITIVES or full not in known else full
    kind = avro["type"]
    if kind in ("array", "map"):
        inner = "items" if kind == "array" else "values"
        return {"type": kind, inner: _form(avro[inner], namespace, known)}
    if kind not in ("record", "error", "enum", "fixed"):
        return _form(kind, namespace, known)
    full = full_name(avro["name"], avro.get("namespace", namespace))
    known.add(full)
    if kind == "enum":
        return {"name": full, "type": kind, "symbols": avro["symbols"]}
    if kind == "fixed":
        return {"name": full, "type": kind, "size": avro["size"]}
    space = full.rpartition(".")[0]
    fields = [{"name": field["name"], "type": _form(field["type"], space, known)} for field in avro["fields"]]
    return {"name": full, "type": "record", "fields": fields}
