"""Beam's side of ``beam_dis.formats``: coders between Beam rows and bytes, and the row types of schemas.

Rules:
1. Formats decide what bytes mean; here plain values become Beam's and back, with their types.
2. Importing this package registers the coder of DISRecord.
"""

import beam_dis.coders.dis_record  # noqa: F401 - registers the coder
from beam_dis.coders.row_coders import AvroCoder, CSVCoder, JSONCoder

__all__ = ["AvroCoder", "CSVCoder", "JSONCoder"]
