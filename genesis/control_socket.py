"""Commands to a running engine: a Unix socket in its state directory.

One JSON line asks, one JSON line answers. Only processes of the engine's own user get through: the
directory is private, the socket has mode 0600, and the kernel's word on the peer is checked. Lines
are bounded, and so is the rate of commands: the engine has trading to do.
"""

import asyncio
import contextlib
import os
import socket
import stat
import struct
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self, TypeAlias

import msgspec

from genesis import limits
from genesis.errors import EngineNotRunning, GenesisError, ResourceError, UsageError

_PEER_CREDENTIALS: Final = struct.Struct("3i")


class Command(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked of the engine."""

    command: str
    arguments: dict[str, str] = {}


class Answer(msgspec.Struct, frozen=True):
    """What the engine says: `error` is empty if the command was carried out."""

    result: dict[str, object] = {}
    error: str = ""


class Peer(NamedTuple):
    """The process at the other end, by the kernel's word."""

    pid: int
    uid: int


Responder: TypeAlias = Callable[[Command, Peer], Awaitable[Mapping[str, object]]]
"""Carries out a command and returns its result, or raises a GenesisError that says why not."""

_COMMAND_DECODER: Final = msgspec.json.Decoder(Command)
_ANSWER_DECODER: Final = msgspec.json.Decoder(Answer)
_ENCODER: Final = msgspec.json.Encoder()


class ControlServer:
    """The engine's end. The caller holds the state directory's lock, so an old socket is nobody's.

    `start` binds, `close` removes the socket; both belong to the loop that serves.
    """

    def __init__(self, path: Path, respond: Responder) -> None:
        self._path = path
        self._respond = respond
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._recent: list[float] = []

    async def start(self) -> None:
        """Bind the socket and serve.

        Raises:
            ResourceError: The socket cannot be bound.
        """
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._path.unlink(missing_ok=True)
            with _short_address(self._path) as address:
                listener.bind(address)
            self._path.chmod(stat.S_IRUSR | stat.S_IWUSR)  # nobody can connect before the listen
            self._server = await asyncio.start_unix_server(
                self._serve, sock=listener, limit=limits.COMMAND_LINE_BYTES_MAX
            )
        except OSError as error:
            listener.close()
            raise ResourceError(
                f"control socket: {self._path} cannot be bound: {error.strerror}"
            ) from error

    async def close(self) -> None:
        """Stop serving, drop who is connected, and remove the socket."""
        if self._server is None:
            return
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.current_task()
        assert connection is not None
        self._connections.add(connection)
        try:
            async with asyncio.timeout(limits.COMMAND_TIMEOUT_S):
                answer = await self._answer(reader, writer)
                if answer is not None:
                    writer.write(_ENCODER.encode(answer) + b"\n")
                    await writer.drain()
        except (TimeoutError, ConnectionError, asyncio.CancelledError):
            pass  # a peer that is slow or gone, or the engine that ends, owes no answer
        finally:
            self._connections.discard(connection)
            writer.close()

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Answer | None:
        """Read one command and carry it out; None if the peer may not ask or did not."""
        peer = _peer(writer.get_extra_info("socket"))
        if peer.uid != os.geteuid() or len(self._connections) > limits.COMMAND_CONNECTIONS_MAX:
            return None
        try:
            command = await _read_command(reader)
            if command is None:
                return None
            self._check_rate()
            return Answer(dict(await self._respond(command, peer)))
        except GenesisError as error:
            return Answer(error=str(error))

    def _check_rate(self) -> None:
        now = asyncio.get_running_loop().time()
        self._recent = [at for at in self._recent if at > now - 1]
        if len(self._recent) >= limits.COMMANDS_PER_SECOND:
            raise UsageError(f"more than {limits.COMMANDS_PER_SECOND} commands a second")
        self._recent.append(now)


class ControlClient:
    """The asking end: connects to the engine of one state directory and asks, blocking."""

    def __init__(self, path: Path) -> None:
        """Connect.

        Raises:
            EngineNotRunning: Nobody serves this socket.
        """
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(limits.COMMAND_TIMEOUT_S)
        try:
            with _short_address(path) as address:
                self._socket.connect(address)
        except OSError as error:
            self._socket.close()
            raise EngineNotRunning(
                f"{path.parent}: no engine runs on this state ({error.strerror}); "
                "start one with `genesis run`, or name another state with --state"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._socket.close()

    @property
    def engine_pid(self) -> int:
        """The process that serves the socket, by the kernel's word."""
        return _peer(self._socket).pid

    def ask(self, command: str, **arguments: str) -> dict[str, object]:
        """Send the one command of this connection and return its result.

        Raises:
            UsageError: The engine knows no such command, or would not carry it out.
            GenesisError: The engine did not answer.
        """
        try:
            self._socket.sendall(_ENCODER.encode(Command(command, arguments)) + b"\n")
            with self._socket.makefile("rb") as file:
                line = file.readline(limits.COMMAND_REPLY_BYTES_MAX)
            answer = _ANSWER_DECODER.decode(line)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise GenesisError(
                f"{self._path.parent}: the engine did not answer {command!r}: {error}"
            ) from error
        if answer.error:
            raise UsageError(f"{command}: the engine refused: {answer.error}")
        return answer.result


async def _read_command(reader: asyncio.StreamReader) -> Command | None:
    """Read one line; None if the peer left in the middle of it."""
    try:
        line = await reader.readline()
        return _COMMAND_DECODER.decode(line) if line.endswith(b"\n") else None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UsageError(f"not a command: {error}") from error
    except ValueError as error:  # what a stream reader raises at its limit
        raise UsageError(f"longer than {limits.COMMAND_LINE_BYTES_MAX} bytes") from error


def _peer(end: socket.socket) -> Peer:
    credentials = end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER_CREDENTIALS.size)
    pid, uid, _gid = _PEER_CREDENTIALS.unpack(credentials)
    return Peer(pid, uid)


@contextlib.contextmanager
def _short_address(path: Path) -> Iterator[str]:
    """Yield an address of `path` that fits the kernel's 107 bytes, however deep the state lies."""
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)
