"""The HTTP side of a local DIS: from a socket to a handler, and from its answer back to the socket."""
