"""The listening socket of a server, and the reservation that keeps its port between two lives of the server.

Rules:

1. A reservation is a socket that is bound and never listens. Other programs can't bind the port, except one of the same user
   that asks for it with SO_REUSEPORT. While no server runs, connections are refused, as they are after a crash.
2. A reserved port can be bound with SO_REUSEPORT. The option is set after the reservation is bound, so that two reservations
   can't share a port.
"""

from __future__ import annotations

import errno
import socket

from beam_dis.endpoints import is_localhost

BACKLOG = 2048
MAX_PORT = 65535


class StartError(Exception):
    """The server can't start: one line that says why and what to do."""


def reserve(host: str, port: int) -> socket.socket:
    """Reserve a port until the socket is closed; port 0 reserves any free one. Raises StartError if it is in use."""
    # without SO_REUSEADDR a port could not be reserved for a minute after its last connections
    reserved = _bound(host, port, socket.SO_REUSEADDR if port else None)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return reserved


def listen(host: str, port: int, *, reserved: bool = False) -> socket.socket:
    """Listen on a port, which :func:`reserve` has ``reserved`` or not. Raises StartError if that isn't possible."""
    listener = _bound(host, port, socket.SO_REUSEPORT if reserved else socket.SO_REUSEADDR)
    try:
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise StartError(_why_not(host, port, error)) from error
    return listener


def endpoint_of(listener: socket.socket) -> str:
    """The address of a socket as ``http://HOST:PORT``."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _bound(host: str, port: int, option: int | None) -> socket.socket:
    address = "127.0.0.1" if is_localhost(host) else host  # whatever the system's resolver says [RFC 6761]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only for sockets whose protocol is TCP: with it, each answer waits 40 ms
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if option is not None:
            bound.setsockopt(socket.SOL_SOCKET, option, 1)
        bound.bind((address, port))
    except (OSError, OverflowError) as error:
        bound.close()
        raise StartError(_why_not(host, port, error)) from error
    return bound


def _why_not(host: str, port: int, error: Exception) -> str:
    if getattr(error, "errno", None) == errno.EADDRINUSE:
        return f"port {port} of {host} is in use: stop the process that uses it, or give another --port (0 takes any free one)"
    return f"can't listen on port {port} of {host}: {error}"
