"""The control socket: who may ask, what a question looks like, and how much of it is borne."""

import asyncio
import contextlib
import os
import socket
import stat
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TypeAlias

import pytest

from genesis import limits
from genesis.control_socket import Command, ControlClient, ControlServer, Peer
from genesis.errors import EngineNotRunning, GenesisError, ResourceError, UsageError

Connection: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]
DEADLINE_S = 10


async def respond(command: Command, peer: Peer) -> Mapping[str, object]:
    """Echo, refuse, or never answer."""
    if command.command == "echo":
        return {**command.arguments, "pid": peer.pid}
    if command.command == "hang":
        await asyncio.Event().wait()
    raise UsageError(f"unknown command {command.command!r}")


@pytest.fixture
def path(state_dir: Path) -> Path:
    """Return where the socket is to be."""
    return state_dir / "control.sock"


@pytest.fixture
async def server(path: Path) -> AsyncIterator[ControlServer]:
    """Serve the socket for the length of a test."""
    server = ControlServer(path, respond)
    await server.start()
    yield server
    await server.close()


async def ask(path: Path, command: str, **arguments: str) -> dict[str, object]:
    """Ask as the command line does, off the loop that serves."""

    def ask_blocking() -> dict[str, object]:
        with ControlClient(path) as client:
            return client.ask(command, **arguments)

    return await asyncio.to_thread(ask_blocking)


@contextlib.asynccontextmanager
async def connection(path: Path) -> AsyncIterator[Connection]:
    """Connect, and see to it that nothing of the connection is left."""
    reader, writer = await asyncio.open_unix_connection(str(path))
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def send(path: Path, content: bytes) -> bytes:
    """Send bytes as they are, and return all that comes back; nothing if we are cut off."""
    async with asyncio.timeout(DEADLINE_S), connection(path) as (reader, writer):
        writer.write(content)
        if not content.endswith(b"\n"):
            writer.write_eof()
        with contextlib.suppress(ConnectionResetError):
            return await reader.read()
    return b""


@pytest.mark.usefixtures("server")
async def test_a_command_is_answered_with_its_result(path: Path) -> None:
    """The engine learns who asked, by the kernel's word, and the asker gets what it said."""
    assert await ask(path, "echo", word="hello") == {"word": "hello", "pid": os.getpid()}


@pytest.mark.usefixtures("server")
async def test_the_asker_knows_which_process_serves(path: Path) -> None:
    """`genesis stop` waits for that very process to end."""
    with ControlClient(path) as client:
        assert client.engine_pid == os.getpid()


@pytest.mark.usefixtures("server")
def test_the_socket_is_its_owners_alone(path: Path) -> None:
    """Mode 0600 from before the first connection on."""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.usefixtures("server")
async def test_a_refused_command_says_why(path: Path) -> None:
    """Exit 64: the engine runs on, and the asker was wrong."""
    with pytest.raises(UsageError, match="the engine refused: unknown command 'dance'"):
        await ask(path, "dance")


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"status\n", b"not a command"),
        (b'{"command":5}\n', b"not a command"),
        (b'{"command":"echo","force":true}\n', b"not a command"),
        (b'{"command":"\xff"}\n', b"not a command"),
        (b"x" * (limits.COMMAND_LINE_BYTES_MAX + 1) + b"\n", b"longer than"),
    ],
    ids=["no JSON", "wrong type", "unknown field", "no UTF-8", "too long"],
)
async def test_what_is_no_command_is_answered_with_an_error(
    path: Path, content: bytes, complaint: bytes
) -> None:
    """Nonsense is told to be such, and costs the engine nothing else."""
    answer = await send(path, content)

    assert answer.startswith(b'{"result":{},"error":"' + complaint)
    assert await ask(path, "echo") == {"pid": os.getpid()}


@pytest.mark.usefixtures("server")
async def test_half_a_line_is_no_command(path: Path) -> None:
    """Who leaves in the middle of a line has asked nothing."""
    assert await send(path, b'{"command":"echo"}') == b""


@pytest.mark.usefixtures("server")
async def test_more_commands_than_a_second_bears_are_refused(path: Path) -> None:
    """The engine has trading to do; a script gone wild is told to slow down."""
    answers = [await send(path, b'{"command":"echo"}\n') for _ in range(50)]

    refused = [answer for answer in answers if b"commands a second" in answer]
    assert refused
    assert len(refused) <= 50 - limits.COMMANDS_PER_SECOND


@pytest.mark.usefixtures("server")
async def test_a_peer_of_another_user_is_not_answered(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the file modes are, the kernel's word on the peer decides."""
    monkeypatch.setattr(os, "geteuid", lambda: 12345)

    assert await send(path, b'{"command":"echo"}\n') == b""


@pytest.mark.usefixtures("server")
async def test_connections_are_bounded(path: Path) -> None:
    """One connection too many is dropped, those before it stand."""
    async with asyncio.timeout(DEADLINE_S), contextlib.AsyncExitStack() as silent:
        for _ in range(limits.COMMAND_CONNECTIONS_MAX - 1):
            await silent.enter_async_context(connection(path))
        reader, writer = await silent.enter_async_context(connection(path))

        assert await send(path, b'{"command":"echo"}\n') == b""
        writer.write(b'{"command":"echo"}\n')
        assert await reader.readline()


async def test_closing_drops_who_waits_and_removes_the_socket(path: Path) -> None:
    """An engine that ends owes no answer, and leaves nothing behind."""
    server = ControlServer(path, respond)
    await server.start()
    async with asyncio.timeout(DEADLINE_S), connection(path) as (reader, writer):
        writer.write(b'{"command":"hang"}\n')
        await ask(path, "echo")  # by then, the other one is served

        await server.close()
        await server.close()

        assert await reader.read() == b""
    assert list(path.parent.iterdir()) == []


@pytest.mark.usefixtures("server")
async def test_an_engine_that_does_not_answer_is_told(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The asker does not wait for ever."""
    monkeypatch.setattr(limits, "COMMAND_TIMEOUT_S", 0.05)

    with pytest.raises(GenesisError, match="did not answer 'hang'"):
        await ask(path, "hang")


async def test_an_old_socket_does_not_keep_the_next_engine_from_serving(path: Path) -> None:
    """A killed engine leaves its socket behind; the state directory's lock says that it is dead."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(path))
    with pytest.raises(EngineNotRunning, match="no engine runs on this state"):
        ControlClient(path)

    server = ControlServer(path, respond)
    await server.start()

    assert await ask(path, "echo") == {"pid": os.getpid()}
    await server.close()


async def test_a_deep_state_directory_is_served_too(tmp_path: Path) -> None:
    """The kernel's 107 bytes for a socket's address do not bound where the state may lie."""
    directory = tmp_path / ("deep" * 40)
    directory.mkdir()
    server = ControlServer(directory / "control.sock", respond)
    await server.start()

    assert await ask(directory / "control.sock", "echo") == {"pid": os.getpid()}
    await server.close()


async def test_a_socket_that_cannot_be_bound_is_a_refused_resource(state_dir: Path) -> None:
    """Exit 71, with the path."""
    (state_dir / "control.sock").mkdir()

    with pytest.raises(ResourceError, match=r"control\.sock cannot be bound"):
        await ControlServer(state_dir / "control.sock", respond).start()
