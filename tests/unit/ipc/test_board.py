"""The status board: what a process shows, and what remains of it."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.errors import SegmentMismatch
from genesis.ipc.board import NO_STRATEGY, Counter, Gauge, ProcessState, StatusBoard
from genesis.ipc.histogram import Stage
from genesis.ipc.page import PAGE_BYTES, BoardPageReader, BoardPageWriter, strategy_token
from genesis.ipc.tables import QuoteTable
from genesis.limits import BOARD_PAGES_MAX, CONNECTION_ATTEMPTS_KEPT

NOW = 1_780_000_000_123_456_789


@pytest.fixture
def board() -> Iterator[StatusBoard]:
    """Return a board of three pages."""
    made = StatusBoard.create(3)
    yield made
    made.close()


def test_a_page_nobody_wrote_is_nothing(board: StatusBoard) -> None:
    """Before a process took a page over, there is nothing to read."""
    assert board.reader(0).read() is None


def test_a_page_shows_what_its_process_said(board: StatusBoard) -> None:
    """Every figure written is read, by another mapping of the board, page by page."""
    writer = board.writer(1, epoch=7)
    writer.set_state(ProcessState.RUNNING)
    writer.beat(NOW)
    writer.beat(NOW + 1)
    writer.add(Counter.CALLBACKS)
    writer.add(Counter.CALLBACKS, 4)
    writer.set_gauge(Gauge.UNREALIZED_PNL, -5)
    writer.histograms.record(Stage.CYCLE, 1_000)

    other = StatusBoard.attach(board.fd, 3)
    page = other.reader(1).read()
    assert page is not None
    assert (page.pid, page.epoch, page.state) == (os.getpid(), 7, ProcessState.RUNNING)
    assert (page.heartbeat_at, page.loop_sequence) == (NOW + 1, 2)
    assert other.reader(1).pulse() == (NOW + 1, 2)
    assert page.counters[Counter.CALLBACKS] == 5
    assert page.gauges[Gauge.UNREALIZED_PNL] == -5
    assert page.histograms[Stage.CYCLE].total == 1
    assert page.histograms[Stage.CALLBACK].total == 0
    assert other.reader(0).read() is None
    other.close()


@given(number=st.integers(0, (1 << 16) - 1), now=st.integers(1 << 16, (1 << 63) - 1))
def test_the_strategy_that_runs_is_named(number: int, now: int) -> None:
    """The page names the strategy whose callback runs, and since when."""
    memory = bytearray(PAGE_BYTES)
    writer, reader = BoardPageWriter(memory, 1, 1), BoardPageReader(memory)
    writer.enter_strategy(number, now)
    page = reader.read()
    assert page is not None
    assert (page.strategy_number, page.strategy_since) == (number, now)
    writer.leave_strategy()
    page = reader.read()
    assert page is not None
    assert (page.strategy_number, page.strategy_since) == (NO_STRATEGY, 0)


def test_a_fan_out_names_each_strategy_by_its_token() -> None:
    """The short way of a dispatcher shows what `enter_strategy` shows."""
    memory = bytearray(PAGE_BYTES)
    writer, reader = BoardPageWriter(memory, 1, 1), BoardPageReader(memory)
    name = writer.enter_fan_out(NOW)
    for number in (0, 7, 119):
        name[0] = strategy_token(number)
        page = reader.read()
        assert page is not None
        assert (page.strategy_number, page.strategy_since) == (number, NOW)


def test_a_successor_goes_on_counting(board: StatusBoard) -> None:
    """Counters and histograms are a run's totals; state, beat, gauges and strategy start anew."""
    dead = board.writer(0, epoch=1)
    dead.set_state(ProcessState.RUNNING)
    dead.beat(NOW)
    dead.add(Counter.FILLS_APPLIED, 3)
    dead.set_gauge(Gauge.ORDERS_WORKING, 2)
    dead.enter_strategy(5, NOW)
    dead.histograms.stage(Stage.CALLBACK)(500)
    board.writer(0, epoch=2).add(Counter.FILLS_APPLIED)
    page = board.reader(0).read()
    assert page is not None
    assert (page.epoch, page.state) == (2, ProcessState.STARTING)
    assert (page.heartbeat_at, page.loop_sequence) == (0, 0)
    assert page.counters[Counter.FILLS_APPLIED] == 4
    assert page.gauges[Gauge.ORDERS_WORKING] == 0
    assert page.strategy_number == NO_STRATEGY
    assert page.histograms[Stage.CALLBACK].total == 1


def test_a_ban_is_read_by_others_and_outlives_its_process(board: StatusBoard) -> None:
    """The word stays when the page is taken over, and no reader can write it."""
    reader = board.reader(1)
    assert reader.venue_ban[0] == 0
    board.writer(1, epoch=1).venue_ban[0] = NOW

    assert board.writer(1, epoch=2).venue_ban[0] == reader.venue_ban[0] == NOW
    with pytest.raises(TypeError):
        reader.venue_ban[0] = 1


def test_a_successor_knows_what_was_tried(board: StatusBoard) -> None:
    """The record of connection attempts outlives a process, and touches no other figure."""
    words = board.writer(1, epoch=1).connection_attempts
    for place in range(CONNECTION_ATTEMPTS_KEPT + 1):
        words[place] = NOW + place

    successor = board.writer(1, epoch=2)

    assert successor.connection_attempts.tolist() == [
        NOW + place for place in range(CONNECTION_ATTEMPTS_KEPT + 1)
    ]
    page = board.reader(1).read()
    assert page is not None
    assert not any(page.counters.values())
    assert not any(histogram.total for histogram in page.histograms.values())


def test_a_state_that_is_none_reads_as_absent() -> None:
    """A damaged state word is not an error of the reader."""
    memory = bytearray(PAGE_BYTES)
    BoardPageWriter(memory, 1, 1)
    memoryview(memory).cast("Q")[16] = 99
    page = BoardPageReader(memory).read()
    assert page is not None
    assert page.state is ProcessState.ABSENT


def test_pages_outside_the_board_do_not_exist(board: StatusBoard) -> None:
    """No page number reaches beyond the board."""
    for page in (-1, 3):
        with pytest.raises(IndexError):
            board.reader(page)


def test_another_size_or_kind_is_refused(board: StatusBoard) -> None:
    """A child and its parent must mean the same board."""
    with pytest.raises(SegmentMismatch):
        StatusBoard.attach(board.fd, 4)
    table = QuoteTable.create(1)
    with pytest.raises(SegmentMismatch):
        StatusBoard.attach(table.fd, 3)
    table.close()


@pytest.mark.parametrize("pages", [0, BOARD_PAGES_MAX + 1])
def test_an_impossible_board_is_refused(pages: int) -> None:
    """A board has at least one page and at most the bound."""
    with pytest.raises(ValueError, match="pages"):
        StatusBoard.create(pages)
