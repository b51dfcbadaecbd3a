"""The socket that a gateway serves on. Whoever only binds one need not load the application that serves it."""

import socket

BACKLOG = 2048


class BindRefused(Exception):
    """The address can't be listened on; one sentence for the operator."""


def bind(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 picks a free one, which `url_of` then tells. Raises BindRefused."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise BindRefused(f"can't listen on {host}:{port}: {error.strerror or error}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise BindRefused(f"can't listen on {host}:{port}: {error.strerror}") from error
    listener.set_inheritable(True)
    return listener


def url_of(listener: socket.socket) -> str:
    """`http://host:port` of a bound socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
