"""A network between Channel Access clients and one server, which a test can cut and mend."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress

LOOPBACK = "127.0.0.1"
HEADER = struct.Struct(">HHHHII")
SEARCH = 6


class CutNetwork:
    """Passes searches (UDP) and circuits (TCP) on to a server; answers to searches name its own port.

    Parameters
    ----------
    port
        Where clients look.
    server_port
        Where the server listens.
    """

    def __init__(self, port: int, server_port: int) -> None:
        self._port, self._server = port, (LOOPBACK, server_port)
        self._open = threading.Event()
        self._open.set()
        self._ended = threading.Event()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind((LOOPBACK, port))
        self._tcp = socket.create_server((LOOPBACK, port))
        for one in (self._udp, self._tcp):
            one.settimeout(0.2)
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._search, self._accept)]
        for thread in self._threads:
            thread.start()

    def cut(self) -> None:
        """Drop every circuit; nothing passes from now on."""
        self._open.clear()
        for pair in self._pairs:
            for end in pair:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()
        self._pairs.clear()

    def mend(self) -> None:
        """Let searches and circuits pass again."""
        self._open.set()

    def close(self) -> None:
        """End for good."""
        self.cut()
        self._ended.set()
        for thread in self._threads:
            thread.join(5)
        self._udp.close()
        self._tcp.close()

    def _search(self) -> None:
        while not self._ended.is_set():
            try:
                asked, client = self._udp.recvfrom(65536)
            except OSError:
                continue
            if self._open.is_set():
                threading.Thread(target=self._ask, args=(asked, client), daemon=True).start()

    def _ask(self, asked: bytes, client: tuple[str, int]) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as onward, suppress(OSError):
            onward.settimeout(2.0)
            onward.sendto(asked, self._server)
            while self._open.is_set():
                answer, _ = onward.recvfrom(65536)
                self._udp.sendto(_with_port(answer, self._port), client)

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                client, _ = self._tcp.accept()
            except OSError:
                continue
            if not self._open.is_set():
                client.close()
                continue
            server = socket.create_connection(self._server)
            self._pairs.append((client, server))
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=_pump, args=(source, target), daemon=True).start()


def _with_port(datagram: bytes, port: int) -> bytes:
    """Name another port in every answer to a search."""
    changed, position = bytearray(datagram), 0
    while position + HEADER.size <= len(changed):
        command, size, _, count, first, second = HEADER.unpack_from(changed, position)
        if command == SEARCH:
            HEADER.pack_into(changed, position, command, size, port, count, first, second)
        position += HEADER.size + size
    return bytes(changed)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
