"""The local V3IO: a server of V3IO's streaming web API on the store of the local DIS.

Rules:

1. A stream of V3IO is a stream of the store: its container is the project, its path is the name, its shards are the partitions.
2. The server knows the protocol from ``beam_dis.v3io.messages`` alone.
3. What is marked [I] in that file, or is called ours here, was not seen of the real service.
"""
