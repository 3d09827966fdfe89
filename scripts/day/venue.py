"""The venue of a compressed day: the engine's own child, which writes down what it sees."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Final
from weakref import WeakKeyDictionary

import msgspec

from genesis.units import NANOS_PER_MS
from genesis.venue import rest_conversation
from genesis.venue.api_conversation import ApiConversation
from genesis.venue.api_session import ApiSession
from genesis.venue.connection import HandshakeRefusal, VenueConnection
from genesis.venue.http_connection import _PendingReply
from genesis.venue.refusals import Refused
from genesis.venue.request_way import RequestWay
from genesis.venue.rest_api import RestApi
from genesis.venue.server import VenueServer
from scripts.day.record import FILE_NAME, Opened, Sight
from workers import venue
from workers.process import ChildContext, run_child

_SECOND_MS: Final = 1_000
_CONNECT: Final = "connect"
_PROCESSES: Final = {
    "workers.executor": "executor",
    "scripts.day.careless_executor": "executor",
    "workers.feed": "feed",
    "scripts.day.careless_feed": "feed",
}
_TCP_LOCAL: Final = 1  # fields of a line of /proc/net/tcp
_TCP_REMOTE: Final = 2
_TCP_INODE: Final = 9


class Witness:
    """Writes down what passes a venue; made before it, told of it when it is open."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self._server: VenueServer | None = None
        self._port = 0
        self._began = time.monotonic_ns()
        self._processes: WeakKeyDictionary[object, str] = WeakKeyDictionary()
        self._asker = ""

    def open(self, server: VenueServer, port: int) -> None:
        """Take note of the venue, and where it listens."""
        self._server, self._port = server, port
        self._write(Opened(port=port))

    def see_attempt(self, connection: VenueConnection, opened: object) -> None:
        """Write down that a connection was tried, and whether it was refused."""
        process = self.process_of(connection)
        self._see("attempt", process, _CONNECT, "ws")
        if isinstance(opened, HandshakeRefusal):
            retry_at_ms = self._now_ms + opened.retry_after_s * _SECOND_MS
            self._see(
                "refusal",
                process,
                _CONNECT,
                "ws",
                status=opened.status,
                retry_at_ms=retry_at_ms if opened.retry_after_s else 0,
            )

    def see_request(self, counterpart: object, method: str) -> None:
        """Write down that a request came in; what follows at once is of the same process."""
        is_socket = isinstance(counterpart, ApiConversation)
        self._asker = self.process_of(_carrier_of(counterpart))
        self._see("request", self._asker, method, "ws" if is_socket else "rest")

    def turn_to(self, counterpart: object) -> None:
        """Take note of whose request goes on."""
        self._asker = self.process_of(_carrier_of(counterpart))

    def see_refusal(self, method: str, transport: str, refusal: Refused) -> None:
        """Write down that the request which goes on was refused."""
        self._see(
            "refusal",
            self._asker,
            method,
            transport,
            status=refusal.status,
            code=refusal.code,
            retry_at_ms=refusal.retry_at_ms,
        )

    def process_of(self, carrier: object) -> str:
        """Return the process at the other end of a connection, by what the kernel says."""
        known = self._processes.get(carrier)
        if known is None:
            known = self._processes[carrier] = self._look_up(carrier)
        return known

    @property
    def _now_ms(self) -> int:
        assert self._server is not None, "a venue that is open"
        return self._server.now() // NANOS_PER_MS

    def _see(self, seen: str, process: str, method: str, transport: str, **rest: int) -> None:
        self._write(
            msgspec.convert(
                {
                    "seen": seen,
                    "at_ms": self._now_ms,
                    "run_ms": (time.monotonic_ns() - self._began) // NANOS_PER_MS,
                    "process": process,
                    "method": method,
                    "transport": transport,
                    **{name: int(value) for name, value in rest.items()},
                },
                Sight,
            )
        )

    def _write(self, line: Sight | Opened) -> None:
        self._file.write(msgspec.json.encode(line) + b"\n")

    def _look_up(self, carrier: object) -> str:
        transport = getattr(carrier, "_transport", None)
        peer = None if transport is None else transport.get_extra_info("peername")
        inode = "" if peer is None else _inode(peer[1], self._port)
        for pid in _siblings() if inode else ():
            with suppress(OSError):
                for descriptor in os.scandir(f"/proc/{pid}/fd"):
                    if os.readlink(descriptor.path) == f"socket:[{inode}]":
                        return _name_of(pid)
        return "nobody"


def _inode(local_port: int, remote_port: int) -> str:
    """Return the inode of the socket at the other end of a connection to this process."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        ends = [int(fields[place].split(":")[1], 16) for place in (_TCP_LOCAL, _TCP_REMOTE)]
        if ends == [local_port, remote_port]:
            return fields[_TCP_INODE]
    return ""


def _siblings() -> list[int]:
    """Return the parent and all of its children."""
    parent = os.getppid()
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [parent, *map(int, children)]


def _name_of(pid: int) -> str:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    return next((_PROCESSES[word] for word in words if word in _PROCESSES), "parent")


def _carrier_of(counterpart: object) -> object:
    """Return the connection that a request came by."""
    if isinstance(counterpart, ApiConversation):
        return counterpart._connection
    assert isinstance(counterpart, rest_conversation._RestCounterpart)
    reply = counterpart._reply
    assert isinstance(reply, _PendingReply)
    return reply._connection


def _seen(owner: type, name: str, see: Callable[..., None], *, is_behind: bool = False) -> None:
    """Have a method of the venue seen whenever it is called: before it, or behind with its result.

    Whoever sees is given the method's own arguments.
    """
    method = getattr(owner, name)

    @wraps(method)
    def call(*arguments: object) -> object:
        if not is_behind:
            see(*arguments)
        result = method(*arguments)
        if is_behind:
            see(*arguments, result)
        return result

    setattr(owner, name, call)


def attend(witness: Witness) -> None:
    """Let a witness see every connection, request and refusal of this process's venue."""
    _seen_open(witness)
    _seen(
        VenueServer,
        "converse",
        lambda _server, connection, _target, opened: witness.see_attempt(connection, opened),
        is_behind=True,
    )
    _seen(RequestWay, "begin", lambda way: witness.see_request(way._counterpart, way._asked.method))
    _seen(RequestWay, "_execute", lambda way, _at: witness.turn_to(way._counterpart))
    _seen(
        ApiSession,
        "refuse",
        lambda _session, asked, refusal, _now: witness.see_refusal(asked.method, "ws", refusal),
    )
    _seen(RestApi, "refuse", lambda _api, refusal, _now: witness.see_refusal("", "rest", refusal))


def _seen_open(witness: Witness) -> None:
    """Let a witness know the venue of this process, and where it listens, once it is open."""
    start = VenueServer.start

    async def start_before_witness(server: VenueServer, host: str, port: int) -> int:
        listening = await start(server, host, port)
        witness.open(server, listening)
        return listening

    setattr(VenueServer, "start", start_before_witness)  # noqa: B010


async def run(context: ChildContext) -> None:
    """Be the engine's venue, under the eyes of a witness."""
    attend(Witness(context.settings.state_dir / FILE_NAME))
    await venue.run(context)


if __name__ == "__main__":
    run_child(run)
