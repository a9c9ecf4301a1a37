"""Rows of a stream whose schema changes while it is read.

Rules:
1. Rows keep the type that they have when the pipeline is built. Records of other schemas are resolved to it.
2. Schemas are asked for only when a record doesn't decode. From then on the newest that reads a record counts.
3. A schema that can't be resolved is logged as a warning, once for each reader, and its records don't decode.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from beam_dis.coders.row_coders import WritersCoder
from beam_dis.errors import ConfigurationError, DecodeError

_log = logging.getLogger(__name__)


class EvolvingRows:
    """Reads records as ``coder`` does, and those of the stream's other schemas.

    Args:
        coder: gives the type of the rows.
        schemas: returns the schemas that the stream has had, newest first; may be pickled.
    """

    def __init__(self, coder: WritersCoder, schemas: Callable[[], tuple[str, ...]]) -> None:
        self._coder = self._reader = coder
        self._schemas = schemas
        self._known: tuple[str, ...] = ()
        self._refused: frozenset[str] = frozenset()

    @property
    def knows_others(self) -> bool:
        """Whether records are read with other schemas than the rows' too."""
        return bool(self._known)

    def decode(self, data: bytes) -> Any:
        """The row of a record's bytes. Raises DecodeError."""
        try:
            return self._reader.decode(data)
        except DecodeError:
            known = self._schemas()
            if known == self._known:
                raise
        readable = [schema for schema in known if self._is_readable(schema)]
        self._reader = self._coder.with_writers([*readable, self._coder.schema.text])
        self._known = known
        return self._reader.decode(data)

    def _is_readable(self, schema: str) -> bool:
        if schema in self._refused:
            return False
        try:
            self._coder.with_writers([schema])
        except ConfigurationError as error:
            _log.warning("Records of the stream's new schema don't decode as rows of the one at the start: %s", error)
            self._refused |= {schema}
            return False
        return True

    def __reduce__(self) -> Any:
        return EvolvingRows, (self._coder, self._schemas)
