"""One process's page of the status board: layout, writer and reader over plain memory. Pure.

Every word has one writer and is one aligned store, so what a reader sees of a word is always whole,
also after a SIGKILL. Counters, histograms and the record of connection attempts go on over restarts
of a process: they are a run's; gauges, state and the strategy word start anew.
"""

import enum
import struct
from typing import Final

import msgspec

from genesis.ipc.histogram import BUCKETS, Histogram, HistogramRecorder, Stage
from genesis.ipc.rows import WORD_BYTES, CheckedRows, Memory, row_bytes
from genesis.limits import (
    BOARD_COUNTERS_MAX,
    BOARD_GAUGES_MAX,
    CONNECTION_ATTEMPTS_KEPT,
    HISTOGRAM_STAGES_MAX,
)
from genesis.units import Nanos


class ProcessState(enum.IntEnum):
    """Where a child is in its life."""

    ABSENT = 0
    STARTING = 1
    RUNNING = 2
    DRAINING = 3
    STOPPING = 4
    STOPPED = 5
    FAILED = 6


_STATES: Final = {int(state): state for state in ProcessState}


class Counter(enum.IntEnum):
    """What processes count. Append only; a process uses those of its own part."""

    # Feed
    FRAMES_RECEIVED = 0
    FRAMES_MALFORMED = 1
    FRAMES_UNKNOWN = 2
    FRAMES_CROSSED = 3
    FRAMES_NEGATIVE = 4
    FRAMES_STALE = 5
    FRAMES_OUT_OF_ORDER = 6
    FRAMES_OUT_OF_BAND = 7
    QUOTES_PUBLISHED = 8
    TRADES_PUBLISHED = 9
    BARS_PUBLISHED = 10
    DEPTHS_PUBLISHED = 11
    GAPS_PUBLISHED = 12
    BOOK_GAPS = 13
    BOOK_RESYNCS = 14
    CONNECTIONS_OPENED = 15
    CONNECTIONS_LOST = 16
    # Any reader of a ring
    RECORDS_READ = 20
    RECORDS_MISSED = 21
    RECORDS_TORN = 22
    RECORDS_BAD_CHECKSUM = 23
    RECORDS_STALE_EPOCH = 24
    RECORDS_FOREIGN = 25
    # Workers
    QUOTES_CONFLATED = 30
    CALLBACKS = 31
    CALLBACKS_RAISED = 32
    CALLBACKS_OVER_BUDGET = 33
    SIGNALS_PUBLISHED = 34
    SIGNALS_RING_FULL = 35
    REPORTS_APPLIED = 36
    STRATEGIES_QUARANTINED = 37
    # Executor
    SIGNALS_READ = 40
    SIGNALS_DUPLICATE = 41
    SIGNALS_EXPIRED = 42
    SIGNALS_REFUSED = 43
    ORDERS_APPROVED = 44
    ORDERS_SENT = 45
    ORDERS_ACCEPTED = 46
    ORDERS_REJECTED = 47
    ORDERS_CANCELED = 48
    ORDERS_EXPIRED = 49
    ORDERS_NOT_EXECUTED = 50
    ORDERS_OUTCOME_UNKNOWN = 51
    ORDERS_FILLED = 52
    FILLS_APPLIED = 53
    FILLS_DUPLICATE = 54
    REPORTS_PUBLISHED = 55
    JOURNAL_COMMITS = 56
    RECONCILIATIONS = 57
    LEDGER_DIFFERENCES = 58
    # Venue
    VENUE_FRAMES_SENT = 70
    VENUE_REQUESTS = 71
    VENUE_ORDERS_MATCHED = 72
    VENUE_CLIENTS_DROPPED = 73
    # Feed, more of it
    FRAMES_NOT_JSON = 80
    FRAMES_BAD_NUMBER = 81
    FRAMES_DUPLICATE = 82
    FRAMES_AHEAD = 83
    FRAMES_OVERSIZE = 84
    TRADES_MISSED = 85
    BARS_MISSED = 86
    BOOK_MISMATCHES = 87
    SNAPSHOTS_UNFIT = 88
    FRAMES_OVERLAPPED = 89
    # Whoever asks the venue
    REQUESTS_HELD = 90
    REQUESTS_THROTTLED = 91
    BREAKER_OPENED = 92
    BREAKER_PROBED = 93
    BREAKER_CLOSED = 94


class Gauge(enum.IntEnum):
    """What processes measure: the present value, may be negative. Append only."""

    MARKET_LAG = 0
    REPORT_LAG = 1
    SIGNAL_LAG = 2
    DATA_AGE_NS = 3
    MEMORY_BYTES = 4
    STRATEGIES_RUNNING = 5
    ORDERS_WORKING = 6
    ORDERS_IN_DOUBT = 7
    POSITIONS_OPEN = 8
    REALIZED_PNL = 9
    UNREALIZED_PNL = 10
    EQUITY = 11
    FEES_PAID = 12
    BOOKS_IN_SYNC = 13
    INSTRUMENTS_STALE = 14
    VENUE_CLOCK_OFFSET_NS = 15
    CLIENTS_CONNECTED = 16
    WEIGHT_USED = 17
    WEIGHT_LIMIT = 18
    RAW_REQUESTS_USED = 19
    RAW_REQUESTS_LIMIT = 20
    ORDERS_USED_10S = 21
    ORDERS_LIMIT_10S = 22
    ORDERS_USED_1D = 23
    ORDERS_LIMIT_1D = 24
    BREAKER_STATE = 25  # of `exchange/circuit_breaker.py`
    REQUESTS_HELD_FOR_MS = 26  # by the venue: 0 where it does not
    POSITIONS_COVERED = 27  # by a live stop at the venue
    POSITIONS_UNCOVERED = 28
    LONGEST_UNCOVERED_NS = 29


NO_STRATEGY: Final = -1

_IDENTITY: Final = struct.Struct("<IIQ")  # pid, epoch, unused
_IDENTITY_WORDS: Final = 16

# Words of a page, behind the identity row.
_STATE: Final = 16
_HEARTBEAT: Final = 17
_LOOP: Final = 18
_VENUE_BAN: Final = 19
_STRATEGY: Final = 24  # on a cache line of its own: stored once per callback
_STRATEGY_SINCE: Final = 25
_COUNTERS: Final = 64
_GAUGES: Final = _COUNTERS + BOARD_COUNTERS_MAX
_HISTOGRAMS: Final = _GAUGES + BOARD_GAUGES_MAX
_HISTOGRAM_WORDS: Final = HISTOGRAM_STAGES_MAX * BUCKETS
_CONNECTIONS: Final = _HISTOGRAMS + _HISTOGRAM_WORDS
_CONNECTION_WORDS: Final = 1 + CONNECTION_ATTEMPTS_KEPT
_PAGE_WORDS: Final = _CONNECTIONS + _CONNECTION_WORDS

_PAGE_BORDER: Final = 4096
PAGE_BYTES: Final = (
    -(-(_CONNECTIONS + _CONNECTION_WORDS) * WORD_BYTES // _PAGE_BORDER) * _PAGE_BORDER
)
"""Bytes of a page: whole memory pages, so that a process maps no page but its own for writing."""

# The strategy word holds the number and 1; 0: none runs.
_STRATEGY_BIAS: Final = 1

assert row_bytes(_IDENTITY.size) <= _IDENTITY_WORDS * WORD_BYTES, "the identity has its place"
assert max(Counter) < BOARD_COUNTERS_MAX, "every counter has a word"
assert max(Gauge) < BOARD_GAUGES_MAX, "every gauge has a word"
assert max(Stage) < HISTOGRAM_STAGES_MAX, "every stage has its buckets"


def strategy_token(number: int) -> int:
    """Return what names a strategy in the strategy word (see `BoardPageWriter.enter_fan_out`)."""
    return number + _STRATEGY_BIAS


class BoardPage(msgspec.Struct, frozen=True, kw_only=True):
    """A process's page as read at one moment.

    `heartbeat_at` is 0 until the first beat, `loop_sequence` counts the beats. `strategy_number` is
    the strategy whose callback runs (`NO_STRATEGY`: none), since `strategy_since` at the earliest:
    callbacks of one event are dated by the first of them.
    """

    pid: int
    epoch: int
    state: ProcessState
    heartbeat_at: Nanos
    loop_sequence: int
    strategy_number: int
    strategy_since: Nanos
    counters: dict[Counter, int]
    gauges: dict[Gauge, int]
    histograms: dict[Stage, Histogram]


class BoardPageWriter:
    """The one writer of a page. Every method is a store or two, without a syscall.

    `connection_attempts` are the words of a `ConnectionBudget`, `venue_ban` is that of an
    `AddressBan`. Both outlive the process.
    """

    __slots__ = (
        "_gauges",
        "_loop_sequence",
        "_strategy_words",
        "_words",
        "connection_attempts",
        "histograms",
        "venue_ban",
    )

    connection_attempts: memoryview
    venue_ban: memoryview
    histograms: HistogramRecorder

    def __init__(self, memory: Memory, pid: int, epoch: int) -> None:
        """Take over the page in `memory`; its counters and histograms go on from where they are."""
        assert len(memory) == PAGE_BYTES, "a writer has one page"
        words = memoryview(memory).cast("Q")
        self._words = words
        self._gauges = memoryview(memory).cast("q")[_GAUGES : _GAUGES + BOARD_GAUGES_MAX]
        self._loop_sequence = 0
        self.histograms = HistogramRecorder(words[_HISTOGRAMS : _HISTOGRAMS + _HISTOGRAM_WORDS])
        for word in (_HEARTBEAT, _LOOP, _STRATEGY, _STRATEGY_SINCE):
            words[word] = 0
        self._strategy_words = words[_STRATEGY : _STRATEGY_SINCE + 1]
        self.connection_attempts = words[_CONNECTIONS : _CONNECTIONS + _CONNECTION_WORDS]
        self.venue_ban = words[_VENUE_BAN : _VENUE_BAN + 1]
        for gauge in range(BOARD_GAUGES_MAX):
            self._gauges[gauge] = 0
        self.set_state(ProcessState.STARTING)
        identity = CheckedRows(memory, 1, _IDENTITY.size)
        identity.write(0, _IDENTITY.pack(pid, epoch, 0))
        identity.release()

    def set_state(self, state: ProcessState) -> None:
        """Show where this process is in its life."""
        self._words[_STATE] = state

    def beat(self, now: Nanos) -> None:
        """Show that the working loop is alive. Call it from that loop, nowhere else."""
        self._loop_sequence += 1
        self._words[_LOOP] = self._loop_sequence
        self._words[_HEARTBEAT] = now

    def enter_strategy(self, number: int, now: Nanos) -> None:
        """Name the strategy whose callback is about to run; no leaving is needed in between."""
        self._words[_STRATEGY_SINCE] = now
        self._words[_STRATEGY] = number + _STRATEGY_BIAS

    def enter_fan_out(self, now: Nanos) -> memoryview:
        """Date the callbacks that follow; return the word to name each strategy in, by its token.

        A dispatcher has a hundred callbacks for one event and stores `strategy_token(number)` at
        index 0 before each: a method call for every one would cost as much as a callback.
        """
        words = self._strategy_words
        words[1] = now
        return words

    def leave_strategy(self) -> None:
        """Say that no strategy's callback runs."""
        self._words[_STRATEGY] = 0

    def add(self, counter: Counter, amount: int = 1) -> None:
        """Count `amount` more."""
        self._words[_COUNTERS + counter] += amount

    def set_gauge(self, gauge: Gauge, value: int) -> None:
        """Show a present value, which may be negative."""
        self._gauges[gauge] = value

    def release(self) -> None:
        """Let go of the memory, so that it can be unmapped."""
        self.histograms.release()
        self._gauges.release()
        self._strategy_words.release()
        self.connection_attempts.release()
        self.venue_ban.release()
        self._words.release()


class BoardPageReader:
    """Reads one page, of a live process or a dead one. `venue_ban` is a view of its word."""

    __slots__ = ("_gauges", "_identity", "_words", "venue_ban")

    def __init__(self, memory: Memory) -> None:
        """Read the page in `memory`."""
        assert len(memory) == PAGE_BYTES, "a reader has one page"
        self._words = memoryview(memory).cast("Q")
        self._gauges = memoryview(memory).cast("q")[_GAUGES : _GAUGES + BOARD_GAUGES_MAX]
        self._identity = CheckedRows(memory, 1, _IDENTITY.size)
        self.venue_ban = self._words[_VENUE_BAN : _VENUE_BAN + 1]

    def read(self) -> BoardPage | None:
        """Return the page; None while no process has ever written it.

        Each figure is whole; two figures may be from moments a few microseconds apart.
        """
        identity = self._identity.read(0)
        if identity is None:
            return None
        pid, epoch, _ = _IDENTITY.unpack(identity)
        words = self._words
        strategy = words[_STRATEGY]
        return BoardPage(
            pid=pid,
            epoch=epoch,
            state=_STATES.get(words[_STATE], ProcessState.ABSENT),
            heartbeat_at=words[_HEARTBEAT],
            loop_sequence=words[_LOOP],
            strategy_number=strategy - _STRATEGY_BIAS if strategy else NO_STRATEGY,
            strategy_since=words[_STRATEGY_SINCE] if strategy else 0,
            counters={counter: words[_COUNTERS + counter] for counter in Counter},
            gauges={gauge: self._gauges[gauge] for gauge in Gauge},
            histograms={stage: self._histogram(stage) for stage in Stage},
        )

    def pulse(self) -> tuple[Nanos, int]:
        """Return `heartbeat_at` and `loop_sequence` alone, at the cost of two loads."""
        return self._words[_HEARTBEAT], self._words[_LOOP]

    def release(self) -> None:
        """Let go of the memory, so that it can be unmapped."""
        self._identity.release()
        self._gauges.release()
        self.venue_ban.release()
        self._words.release()

    def _histogram(self, stage: Stage) -> Histogram:
        start = _HISTOGRAMS + stage * BUCKETS
        return Histogram(self._words[start : start + BUCKETS].tolist())
