"""The DIS protocol as values: routes, messages, error codes, signatures, hash ranges, cursors.

Rules:

1. Everything is pure: no file here opens a socket or reads a clock or a file. Imports are msgspec and the standard library.
2. Both ends, ``beam_dis.client`` and ``beam_dis.local``, use these values, so that a message has one shape.
3. Facts name their source in brackets: a table or section of the vendor's API reference ("T5-3", "§5.1"), "SDK" for what the
   official clients send or parse, "ours" if no source says and we decided.
"""
