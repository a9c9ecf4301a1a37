"""V3IO streams: a second service that implements the interface ``beam_dis.stream_service``.

Rules:

1. ``messages`` is the protocol as values. The local V3IO imports it and ``connection``, and no other file.
2. Facts are marked by their source: [D] the vendor's documentation, [V] seen on the wire of the official clients, [S] read in
   their source, [I] inferred.
"""
