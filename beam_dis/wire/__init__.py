"""The DIS protocol as values: routes, messages, error codes, signatures, hash ranges, cursors.

Law: pure. Nothing here opens a socket, reads a clock or a file; imports are msgspec and the standard library.
Both ends (``beam_dis.client`` and ``beam_dis.local``) speak through these values, so that a message has one shape.
Facts carry their source in brackets: a table or section of the vendor's API reference ("T5-3", "§5.1"),
"SDK" for what the official clients send or parse, "ours" where no source says and we decided.
"""
