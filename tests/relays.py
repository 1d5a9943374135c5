"""A relay between a client and a server, which may cut every connection or lead to another server."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Relay:
    """It passes on what comes until it cuts; whoever connects meanwhile is refused only where nobody listens."""

    target: str
    listening: socket.socket
    pairs: list[tuple[socket.socket, socket.socket]] = field(default_factory=list)

    @property
    def address(self) -> str:
        host, port = self.listening.getsockname()
        return f"http://{host}:{port}"

    def run(self) -> None:
        while True:
            try:
                client, _ = self.listening.accept()
            except OSError:
                return
            parts = urlsplit(self.target)
            try:
                server = socket.create_connection((str(parts.hostname), parts.port or 80))
            except OSError:
                client.close()
                continue
            self.pairs.append((client, server))
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=_pass_on, args=(one, other), daemon=True).start()

    def cut(self) -> int:
        """End every connection at once; return how many there were."""
        pairs, self.pairs = self.pairs, []
        for pair in pairs:
            for end in pair:
                _close(end)
        return len(pairs)


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := one.recv(65536):
            other.sendall(piece)
    for end in (one, other):
        _close(end)


def _close(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@contextmanager
def relaying(target: str) -> Iterator[Relay]:
    """Yield a relay to a server's address."""
    listening = socket.create_server(("127.0.0.1", 0))
    relay = Relay(target, listening)
    thread = threading.Thread(target=relay.run)
    thread.start()
    try:
        yield relay
    finally:
        _close(listening)
        relay.cut()
        thread.join()
