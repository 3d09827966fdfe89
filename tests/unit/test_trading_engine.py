"""The trading engine: effects are carried out in order, and nothing leaves before it is durable."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from genesis.domain.orders import OrderState, RefusalRule, ReportKind
from genesis.engine import venue_questions
from genesis.engine.canary import CanaryRules
from genesis.engine.entries import OrderMoved, OrderPrepared, OrderTested
from genesis.engine.ledger_state import decode_state
from genesis.engine.state_machine import EngineState, IllegalMove
from genesis.errors import StorageError
from genesis.exchange.gateway import (
    Accepted,
    Account,
    Balance,
    BalanceUpdate,
    Found,
    NoAnswer,
    NotListed,
    NotSent,
    Rejected,
    StreamGap,
    TransferReported,
    Unknown,
)
from genesis.units import NANOS_PER_MS, SCALE
from tests.support.bench import Bench
from tests.support.builders import (
    CAPITAL,
    LOT,
    NOW,
    SECOND,
    VENUE_MS,
    fill,
    hold,
    quote,
    report,
    signal,
)
from tests.support.desk import ORDER


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    await made.engine.start("boot")
    await made.engine.recovered()
    yield made
    if made.engine.state is not EngineState.STOPPED:
        await made.engine.begin_stop()
        await made.engine.finish_stop()


async def test_a_start_asks_the_venue_about_everything() -> None:
    """Open orders, trades and the account are read before anything is traded."""
    bench = Bench()
    with pytest.raises(IllegalMove, match="execute_trade needs the engine RUNNING"):
        await bench.engine.execute_trade(signal())
    await bench.engine.start("boot")
    await bench.engine.recovered()
    assert bench.gateway.asked == [
        "time",
        "open_orders None",
        "account",
        "instruments BTCUSDT,ETHUSDT",
    ]
    assert bench.engine.state is EngineState.RUNNING


async def test_trades_of_a_symbol_that_left_the_listing_stop_no_comparison(bench: Bench) -> None:
    """There is nothing more to come of it; the rest of the view is compared as ever."""
    await bench.engine.execute_trade(signal(quantity=LOT))
    await bench.answer(Accepted(report(OrderState.FILLED, filled_quantity=LOT), (fill(),)))
    bench.gateway.trades = NotListed()
    bench.gateway.balances = {"USDT": CAPITAL - 60 * SCALE, "BTC": LOT}
    await bench.engine.compare()
    assert bench.gateway.asked[-3:] == ["open_orders None", "trades_since BTCUSDT 2", "account"]
    assert bench.core.comparison.equal is True


async def test_a_signal_that_would_not_be_sent_is_refused_before_it_is_journaled(
    bench: Bench,
) -> None:
    """No order is written down only to be taken back; its strategy is told by which rule."""
    bench.gateway.holds[False] = (0, hold(RefusalRule.RATE_LIMIT))
    await bench.engine.execute_trade(signal(quantity=LOT))
    assert [told.kind for told in bench.told] == [ReportKind.REFUSED]
    assert bench.told[0].reason_code == RefusalRule.RATE_LIMIT.code
    assert not any(isinstance(entry, OrderPrepared) for entry in bench.disk.groups[-1])
    assert not bench.gateway.sent


async def test_orders_on_their_way_to_the_disk_count_as_sent(bench: Bench) -> None:
    """With room for one more order, the second of a batch is refused, and that of the next one.

    Once the first has gone, the gateway itself knows of it.
    """
    bench.gateway.holds[False] = (1, hold(RefusalRule.RATE_LIMIT))
    bench.disk.is_slow = True
    first = asyncio.create_task(
        bench.engine.execute_trade(
            signal(1, quantity=LOT), signal(2, instrument_id=1, quantity=LOT)
        )
    )
    await bench.settle()
    second = asyncio.create_task(
        bench.engine.execute_trade(signal(3, instrument_id=1, quantity=LOT))
    )
    await bench.settle()
    bench.disk.is_slow = False
    bench.disk.finish()
    await asyncio.gather(first, second)
    assert [told.signal_sequence for told in bench.told] == [2, 3]
    assert {told.reason_code for told in bench.told} == {RefusalRule.RATE_LIMIT.code}

    await bench.engine.execute_trade(signal(4, instrument_id=1, quantity=LOT))
    assert list(bench.gateway.sent) == [ORDER, "G00-7-1-4-10"]


async def test_a_signal_becomes_an_order_and_a_position(bench: Bench) -> None:
    """Judged, journaled, sent, acknowledged, filled, told, logged."""
    await bench.engine.execute_trade(signal(quantity=LOT))
    assert bench.gateway.asked[-2:] == [f"build {ORDER}", f"send {ORDER}"]
    with capture_logs() as lines:
        await bench.answer(Accepted(report(OrderState.FILLED, filled_quantity=LOT), (fill(fee=1),)))
    assert [told.kind for told in bench.told] == [ReportKind.FILLED]
    (executed,) = [line for line in lines if line["event"] == "trade_executed"]
    assert executed["symbol"] == "BTCUSDT"
    assert executed["log_level"] == "info"
    assert bench.core.ledger.position("ema_cross-1", "BTCUSDT").quantity == LOT


async def test_nothing_is_sent_before_it_is_durable(bench: Bench) -> None:
    """While the disk works the request is built, and not a byte of it leaves."""
    bench.disk.is_slow = True
    trading = asyncio.create_task(bench.engine.execute_trade(signal()))
    await bench.settle()
    assert f"build {ORDER}" in bench.gateway.asked
    assert f"send {ORDER}" not in bench.gateway.asked
    bench.disk.finish()
    await trading
    assert bench.gateway.asked[-1] == f"send {ORDER}"
    bench.disk.is_slow = False


async def test_a_failed_commit_sends_nothing_and_ends_the_engine(bench: Bench) -> None:
    """The caller gets the error; the order stays unsent."""
    bench.disk.is_slow = True
    trading = asyncio.create_task(bench.engine.execute_trade(signal()))
    await bench.settle()
    bench.disk.finish(StorageError("disk full"))
    with pytest.raises(StorageError):
        await trading
    assert bench.gateway.sent == {}
    bench.disk.is_slow = False


async def test_a_failed_commit_of_an_event_ends_the_process(bench: Bench) -> None:
    """An error in the background reaches whoever waits on `failed`."""
    await bench.engine.execute_trade(signal(quantity=LOT))
    bench.disk.is_slow = True
    bench.engine.on_user_event(report(OrderState.ACCEPTED))
    await bench.settle()
    bench.disk.finish(StorageError("disk full"))
    with pytest.raises(StorageError):
        await bench.engine.failed()
    bench.disk.is_slow = False


async def test_what_waits_for_the_disk_is_committed_in_one_group(bench: Bench) -> None:
    """Signals that arrive during a commit share the next one."""
    bench.disk.is_slow = True
    first = asyncio.create_task(bench.engine.execute_trade(signal(1, quantity=LOT)))
    await bench.settle()
    done = len(bench.disk.groups)
    second = asyncio.create_task(bench.engine.execute_trade(signal(2)))
    third = asyncio.create_task(bench.engine.execute_trade(signal(3)))
    await bench.settle()
    assert len(bench.disk.groups) == done
    bench.disk.is_slow = False
    bench.disk.finish()
    await asyncio.gather(first, second, third)
    assert len(bench.disk.groups) == done + 1
    assert len(bench.disk.groups[-1]) == 2


async def test_an_order_whose_signature_grew_old_is_not_sent(bench: Bench) -> None:
    """A commit longer than the send age drops the order, and a new intent follows."""
    bench.disk.is_slow = True
    trading = asyncio.create_task(bench.engine.execute_trade(signal()))
    await bench.settle()
    bench.clock.at += SECOND
    bench.disk.is_slow = False
    bench.disk.finish()
    await trading
    await bench.settle()
    assert bench.gateway.sent == {}
    assert bench.state_of() is OrderState.NOT_EXECUTED
    bench.clock.at += SECOND
    bench.engine.on_time()
    await bench.settle()
    assert list(bench.gateway.sent) == ["G00-7-1-1-20"]


async def test_a_lost_reply_is_resolved_by_time_then_query(bench: Bench) -> None:
    """The venue's clock is read before the order is asked for, never after."""
    await bench.engine.execute_trade(signal(quantity=LOT))
    await bench.answer(Unknown("timeout"))
    bench.gateway.queries.append(Found(report(OrderState.FILLED, filled_quantity=LOT)))
    bench.gateway.trades = (fill(client_order_id=""),)
    bench.gateway.asked.clear()
    bench.engine.on_time()
    await bench.settle()
    assert bench.gateway.asked == [
        "time",
        f"query BTCUSDT {ORDER}",
        "trades_of_order BTCUSDT 100",
    ]
    assert bench.core.ledger.position("ema_cross-1", "BTCUSDT").quantity == LOT


async def test_proof_of_absence_is_a_cancel_then_a_query(bench: Bench) -> None:
    """Behind the fence the matching engine itself is asked."""
    await bench.engine.execute_trade(signal())
    await bench.answer(Unknown("timeout"))
    start_ms = bench.gateway.timestamp_ms()
    bench.gateway.now_ms = start_ms + 12_001
    bench.gateway.asked.clear()
    bench.engine.on_time()
    await bench.settle()
    assert bench.gateway.asked == [
        "time",
        f"query BTCUSDT {ORDER}",
        "time",
        f"cancel BTCUSDT {ORDER}",
        f"query BTCUSDT {ORDER}",
    ]
    assert bench.state_of() is OrderState.NOT_EXECUTED


async def test_a_silent_clock_proves_nothing(bench: Bench) -> None:
    """Without the venue's time the order is not even asked for."""
    await bench.engine.execute_trade(signal())
    await bench.answer(Unknown("timeout"))
    bench.gateway.now_ms = NoAnswer("timeout")
    bench.gateway.asked.clear()
    bench.engine.on_time()
    await bench.settle()
    assert bench.gateway.asked == ["time"]
    assert bench.state_of() is OrderState.OUTCOME_UNKNOWN


async def test_a_user_event_moves_the_order(bench: Bench) -> None:
    """Events come in by call and return at once; a balance update alone changes nothing."""
    await bench.engine.execute_trade(signal(quantity=LOT))
    bench.engine.on_user_event(report(OrderState.FILLED, filled_quantity=LOT, execution=fill()))
    bench.engine.on_user_event(
        BalanceUpdate(
            balances=(Balance("USDT", 1, 0),), updated_at=NOW, event_at=NOW, received_at=NOW
        )
    )
    await bench.settle()
    assert bench.state_of() is OrderState.FILLED
    assert sum(bench.counts) > 0, "stages are counted"


async def test_a_stream_gap_is_reconciled(bench: Bench) -> None:
    """After a gap everything is fetched, trades from the last known one on."""
    await bench.engine.execute_trade(signal(quantity=LOT))
    await bench.answer(
        Accepted(report(OrderState.FILLED, filled_quantity=LOT), (fill(trade_id=41),))
    )
    bench.gateway.asked.clear()
    bench.engine.on_user_event(StreamGap(why="reconnected", from_at=NOW, to_at=NOW))
    await bench.settle()
    assert bench.gateway.asked == [
        "time",
        "open_orders None",
        "trades_since BTCUSDT 42",
        "account",
    ]


async def test_views_are_fetched_one_at_a_time(bench: Bench) -> None:
    """However many gaps there are, one view is under way and one more behind it."""
    bench.gateway.asked.clear()
    for _ in range(5):
        bench.engine.on_user_event(StreamGap(why="reconnected", from_at=NOW, to_at=NOW))
    await bench.settle()
    assert bench.gateway.asked == ["time", "open_orders None", "account"] * 2
    bench.engine.on_user_event(StreamGap(why="reconnected", from_at=NOW, to_at=NOW))
    await bench.settle()
    assert len(bench.gateway.asked) == 9


@pytest.mark.parametrize("part", ["open", "trades", "balances"])
async def test_an_unanswered_part_puts_the_comparison_off(bench: Bench, part: str) -> None:
    """Nothing is concluded from half a view; it is asked for again."""
    await bench.engine.execute_trade(signal(quantity=LOT))
    await bench.answer(
        Accepted(report(OrderState.FILLED, filled_quantity=LOT), (fill(trade_id=41),))
    )
    setattr(bench.gateway, part, NoAnswer("timeout"))
    with capture_logs() as lines:
        await bench.engine.compare()
    assert [line["event"] for line in lines] == ["reconciliation_put_off"]
    assert bench.core.comparison.equal is True, "as of the last whole view"


async def test_a_refusal_of_the_venue_is_told_and_logged(bench: Bench) -> None:
    """The strategy gets REJECTED, the log a warning with the venue's wording."""
    await bench.engine.execute_trade(signal())
    with capture_logs() as lines:
        await bench.answer(Rejected(-2010, "Account has insufficient balance", retryable=False))
    assert [told.kind for told in bench.told] == [ReportKind.REJECTED]
    assert lines[0]["log_level"] == "warning"
    assert "insufficient" in lines[0]["reason"]


async def test_a_stop_cancels_waits_and_writes(bench: Bench) -> None:
    """Working orders are canceled, their end is awaited, and the last entry is written."""
    await bench.engine.execute_trade(signal(quantity=LOT))
    bench.engine.on_user_event(report(OrderState.ACCEPTED))
    await bench.settle()
    bench.gateway.cancels.append(Accepted(report(OrderState.CANCELED)))
    await bench.engine.begin_stop()
    await asyncio.wait_for(bench.engine.drained(), 5)
    await bench.engine.drained()
    with pytest.raises(IllegalMove):
        await bench.engine.execute_trade(signal(2))
    await bench.engine.finish_stop()
    assert type(bench.disk.groups[-1][-1]).__name__ == "StoppedCleanly"


async def test_marks_and_positions_are_told(bench: Bench) -> None:
    """Market data moves equity; holders learn their position."""
    await bench.engine.execute_trade(signal(quantity=LOT))
    await bench.answer(Accepted(report(OrderState.FILLED, filled_quantity=LOT), (fill(),)))
    await bench.engine.process_market_data({0: quote(middle=2 * quote().bid_price)})
    assert bench.core.valuation.equity > CAPITAL
    bench.engine.tell_positions()
    await bench.settle()
    assert bench.told[-1].kind is ReportKind.POSITION


async def test_a_resent_signal_is_not_sent_again(bench: Bench) -> None:
    """The ring may deliver a signal twice; the venue sees it once."""
    await bench.engine.execute_trade(signal(), signal())
    await bench.engine.execute_trade(signal())
    prepared = [e for group in bench.disk.groups for e in group if isinstance(e, OrderPrepared)]
    assert len(prepared) == 1
    await bench.answer(NotSent("no connection"))


async def test_a_transfer_that_the_venue_announces_is_booked(bench: Bench) -> None:
    """A deposit is no difference of balances and no profit."""
    deposit = TransferReported(asset="USDT", amount=7, cleared_at=NOW, received_at=NOW)
    bench.engine.on_user_event(deposit)
    bench.engine.on_user_event(deposit)
    await bench.settle()
    assert bench.core.ledger.expected_balance("USDT") == CAPITAL + 7


async def test_after_a_power_cut_the_venue_is_asked_for_all_orders() -> None:
    """Nothing is traded before the fence; then the list is read and trading begins."""
    first = Bench()
    await first.engine.start("boot")
    await first.engine.recovered()
    bench = Bench(first.core.ledger)
    await bench.engine.start("another boot")
    await bench.settle()
    assert bench.engine.state is EngineState.RECOVERING
    waited = 20 * SECOND
    bench.clock.at += waited
    bench.gateway.now_ms = VENUE_MS + waited // NANOS_PER_MS
    bench.gateway.asked.clear()
    bench.engine.on_time()
    await bench.engine.recovered()
    assert bench.gateway.asked[1:4] == [
        "open_orders None",
        f"orders_since BTCUSDT {NOW - 86_400 * SECOND}",
        f"orders_since ETHUSDT {NOW - 86_400 * SECOND}",
    ]


async def test_the_journal_s_log_is_folded_between_commits(bench: Bench) -> None:
    """It waits for the commit under way: the journal does one thing at a time."""
    bench.disk.is_slow = True
    trading = asyncio.create_task(bench.engine.execute_trade(signal(quantity=LOT)))
    await bench.settle()
    folding = asyncio.create_task(bench.engine.fold_journal())
    await bench.settle()
    assert bench.disk.checkpoints == 0
    bench.disk.finish()
    await trading
    await folding
    assert bench.disk.checkpoints == 1
    bench.disk.is_slow = False


async def test_a_snapshot_holds_what_was_committed(bench: Bench) -> None:
    """What is queued is committed first, so that state and entries end at the same place."""
    bench.engine.on_user_event(report(OrderState.FILLED, client_order_id="web_1"))
    await bench.engine.execute_trade(signal(quantity=LOT))
    bench.disk.is_slow = True
    saving = asyncio.create_task(bench.engine.save_snapshot())
    bench.engine.on_user_event(report(OrderState.ACCEPTED))
    await bench.settle()
    assert bench.disk.groups[-1][-1] == OrderMoved(ORDER, OrderState.ACCEPTED, 100, 0, "", NOW)
    assert bench.disk.snapshots == []
    bench.disk.finish()
    await bench.settle()
    (stored,) = bench.disk.snapshots
    assert decode_state(stored) == bench.core.ledger.state
    bench.disk.finish()
    await saving
    bench.disk.is_slow = False


async def test_one_lost_reply_does_not_spoil_a_view(bench: Bench) -> None:
    """A reading is put again; only what stays unanswered puts the comparison off."""
    answers: list[Account | NoAnswer] = [NoAnswer("timeout"), NoAnswer("timeout")]
    whole = bench.gateway.account

    async def account() -> Account | NoAnswer:
        return answers.pop() if answers else await whole()

    bench.gateway.account = account  # type: ignore[method-assign]
    with capture_logs() as lines:
        await bench.engine.compare()
    assert lines == []
    assert bench.core.comparison.equal is True


async def test_a_reading_that_hangs_is_put_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway waits as long as the venue may take; the engine asks anew before that."""
    monkeypatch.setattr(venue_questions, "READ_PATIENCE", 1)
    whole = bench.gateway.account
    hung = asyncio.Event()

    async def account() -> Account | NoAnswer:
        if hung.is_set():
            return await whole()
        hung.set()
        never: asyncio.Future[Account] = asyncio.get_running_loop().create_future()
        return await never

    bench.gateway.account = account  # type: ignore[method-assign]
    await bench.engine.compare()
    assert bench.core.comparison.equal is True


async def test_orders_are_tried_at_the_venue_and_not_journaled() -> None:
    """A canary's question leaves by the gateway; only its answer is written down."""
    rules = CanaryRules(program="1.0", max_notional=CAPITAL // 1_000, duration=SECOND)
    bench = Bench(canary_rules=rules)
    await bench.engine.start("boot")
    await bench.engine.recovered()
    await bench.engine.process_market_data({0: quote(received_at=bench.clock.at)})
    bench.engine.on_time()
    await bench.settle()
    assert [asked for asked in bench.gateway.asked if asked.startswith("test ")] == [
        "test BTCUSDT G00-0-1-1-00"
    ]
    entries = [entry for group in bench.disk.groups for entry in group]
    assert not any(isinstance(entry, OrderPrepared) for entry in entries)
    assert [entry.symbol for entry in entries if isinstance(entry, OrderTested)] == ["BTCUSDT"]
