"""The feed against stock websockets + orjson and picows + msgspec, on the recorded frames.

Every case is a process of its own that takes the same prebuilt frames from the same sender, here.
Figures are CPU time of that process per message, from its first message to its last, under a flood
(as fast as taken) unless they say otherwise.
"""

import functools
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import websockets.version
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from genesis.errors import ConfigError
from genesis.venue.tape import Tape
from genesis.venue.tape_files import load_tape
from scripts.bench_form import BenchForm, Samples, peer_python

ROOT: Final = Path(__file__).parents[1]
TAPE: Final = ROOT.parent / "shared" / "data"
PEERS: Final = ("picows==2.3.1", "msgspec", "orjson", "uvloop")
CLONES: Final = 3  # the tape once more under other names, for a longer run
FLOOD_BYTES: Final = 1 << 16
PACED_RATE: Final = 5_000
FULL_RATE: Final = 40_000
SLOT_SECONDS: Final = 0.005
FULL_RATE_FRAMES_MAX: Final = 200_000
PACED_FRAMES: Final = 15_000
BEHIND_MS_MAX: Final = 50
ACCEPT_SECONDS: Final = 30
EXIT_USAGE: Final = 64


@dataclass(frozen=True)
class Load:
    """What the sender sends: frames as they go on the wire, and each symbol's snapshot."""

    wire: tuple[bytes, ...]
    snapshots: bytes


def build_load(tape: Tape, clones: int, frames_max: int) -> Load:
    """Turn a tape into wire frames, `clones` times over under symbols of the same length."""
    wire: list[bytes] = []
    snapshots: dict[str, bytes] = {}
    names = [
        {frame.symbol: _clone(frame.symbol, clone) for frame in tape.frames}
        for clone in range(clones)
    ]
    for frame in tape.frames:
        for clone in names:
            symbol = clone[frame.symbol]
            if frame.kind == "snapshot":
                snapshots.setdefault(symbol, frame.payload)
            else:
                text = frame.payload
                if symbol != frame.symbol:
                    text = text.replace(frame.symbol.encode(), symbol.encode())
                    text = text.replace(frame.symbol.lower().encode(), symbol.lower().encode())
                wire.append(Frame(Opcode.TEXT, text).serialize(mask=False))
    lines = b"".join(b"%s %s\n" % (symbol.encode(), text) for symbol, text in snapshots.items())
    return Load(tuple(wire[:frames_max]), lines)


def _clone(symbol: str, clone: int) -> str:
    return symbol if clone == 0 else f"{symbol[:-1]}{clone}"


class Receiver:
    """One case in its own process, connected to us."""

    def __init__(self, python: Path, module: str, case: str, load: Load, folder: Path) -> None:
        snapshots = folder / "snapshots"
        snapshots.write_bytes(load.snapshots)
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(ACCEPT_SECONDS)
            port = server.getsockname()[1]
            command = [str(python), "-m", module, case]
            arguments = [str(port), str(len(load.wire)), str(snapshots)]
            self._process = subprocess.Popen(
                command + arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True
            )
            self.socket, _ = server.accept()
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        protocol = ServerProtocol()
        while not (events := protocol.events_received()):
            protocol.receive_data(self.socket.recv(FLOOD_BYTES))
        request = events[0]
        assert isinstance(request, Request)
        protocol.send_response(protocol.accept(request))
        self.socket.sendall(b"".join(protocol.data_to_send()))

    def finish(self) -> dict[str, float]:
        """Wait for the case's facts."""
        output, _ = self._process.communicate()
        self.socket.close()
        if self._process.returncode != 0:
            raise SystemExit(f"a receiver failed with exit code {self._process.returncode}")
        facts: dict[str, float] = json.loads(output)
        return facts


def flood(receiver: Receiver, load: Load) -> None:
    """Send everything as fast as it is taken."""
    everything = memoryview(b"".join(load.wire))
    for start in range(0, len(everything), FLOOD_BYTES):
        receiver.socket.sendall(everything[start : start + FLOOD_BYTES])


def send_at(receiver: Receiver, load: Load, rate: int) -> int:
    """Send `rate` messages a second, in slots; return when the last was written, monotonic ns."""
    in_slot = max(1, int(rate * SLOT_SECONDS))
    slot = in_slot / rate
    start = time.monotonic()
    for number, first in enumerate(range(0, len(load.wire), in_slot)):
        ahead = start + number * slot - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
        receiver.socket.sendall(b"".join(load.wire[first : first + in_slot]))
    return time.monotonic_ns()


class FeedBench:
    """The cases, run on one load after another."""

    def __init__(self, tape: Tape, folder: Path) -> None:
        version = websockets.version.version
        self._peer = peer_python("feed", (*PEERS, f"websockets=={version}"))
        self._ours = Path(sys.executable)
        self._folder = folder
        self._load = build_load(tape, 1, len(tape.frames))
        self._paced = Load(self._load.wire[:PACED_FRAMES], self._load.snapshots)
        self._full = build_load(tape, CLONES, FULL_RATE_FRAMES_MAX)

    def flood(self, case: str) -> float:
        """Return nanoseconds of CPU per message, flooded."""
        receiver = self._start(case, self._load)
        flood(receiver, self._load)
        return receiver.finish()["cpu_ns"]

    def paced(self, case: str) -> float:
        """Return nanoseconds of CPU per message at a rate of few messages to a read."""
        receiver = self._start(case, self._paced)
        send_at(receiver, self._paced, PACED_RATE)
        return receiver.finish()["cpu_ns"]

    def full_rate(self) -> dict[str, float]:
        """Run our loop at the full rate; add how far behind it ended and was sent."""
        receiver = self._start("loop", self._full)
        start = time.monotonic_ns()
        sent_at = send_at(receiver, self._full, FULL_RATE)
        facts = receiver.finish()
        facts["behind_ms"] = (facts["finished_at"] - sent_at) / 1e6
        facts["rate"] = len(self._full.wire) / ((facts["finished_at"] - start) / 1e9)
        facts["busy"] = facts["cpu_ns"] * facts["rate"] / 1e9
        return facts

    def _start(self, case: str, load: Load) -> Receiver:
        is_peer = case.startswith(("stock", "picows"))
        python = self._peer if is_peer else self._ours
        module = "scripts.feed.peers" if is_peer else "scripts.feed.receivers"
        return Receiver(python, module, case, load, self._folder)


def _names(work: str) -> tuple[str, str, str]:
    return work, f"picows_{work}", f"stock_{work}"


def _cases(
    measure: Callable[[str], float], names: Sequence[str], suffix: str = ""
) -> dict[str, Callable[[], float]]:
    return {name + suffix: functools.partial(measure, name) for name in names}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the cases and compare."""
    form = BenchForm(__doc__ or "")
    form.parser.add_argument("--tape", type=Path, default=TAPE, help="recorded frames")
    arguments = form.parse(argv)
    try:
        tape = load_tape(arguments.tape)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return EXIT_USAGE
    with tempfile.TemporaryDirectory() as folder:
        bench = FeedBench(tape, Path(folder))
        names = (*_names("transport"), *_names("loop"))
        flooded = form.run_rounds(_cases(bench.flood, names), "ns/message")
        form.run_rounds(_cases(bench.paced, _names("loop"), " at 5 000/s"), "ns/message")
        full = [bench.full_rate() for _ in range(arguments.rounds)]
    form.at_most("transport / picows", flooded["transport"].per(flooded["picows_transport"]), 1.3)
    form.at_most("loop / stock", flooded["loop"].per(flooded["stock_loop"]), 0.40)
    form.at_most("loop / picows", flooded["loop"].per(flooded["picows_loop"]), 1.15)
    for name, unit in (("rate", "messages/s"), ("busy", "of a core"), ("publish_p99_us", "us")):
        form.add_figure(f"40 000/s {name}", Samples(tuple(facts[name] for facts in full), unit))
    behind = Samples(tuple(facts["behind_ms"] for facts in full), "ms")
    form.at_most("40 000/s behind at the end", behind, BEHIND_MS_MAX)
    return form.finish()


if __name__ == "__main__":
    sys.exit(main())
