"""A real worker process on real rings: signals out, faults contained, killed and back again."""

from collections.abc import Iterable
from pathlib import Path

from genesis.config import LinkSettings
from genesis.domain.market import Quote
from genesis.domain.orders import ReportKind, Side, Signal, SignalAction
from genesis.engine.control import Drain, Drained, PauseStrategy, Ready, Stop, Stopped
from genesis.ipc.board import NO_STRATEGY, Counter, Gauge, ProcessState
from genesis.ipc.histogram import Stage
from genesis.strategies.base import ParameterValue, StrategySpec
from genesis.units import NANOS_PER_SECOND, SCALE
from tests.support.builders import LOT, NOW, PRICE, btc
from tests.support.strategy_builders import answer, depth, position_report, quotes_of, spec
from tests.support.worker_run import WorkerRun

SECOND = NANOS_PER_SECOND
CROSS: dict[str, ParameterValue] = {
    "fast_period": 3,
    "slow_period": 10,
    "target_bps": 5_000,
    "stop_bps": 5_000,
    "hold_max_s": 3_600.0,
}
LEAN: dict[str, ParameterValue] = {"smoothing": 1, "entry_imbalance": 0.4}
DOWN = [PRICE - 10 * row * SCALE for row in range(40)]
UP = [DOWN[-1] + 10 * row * SCALE for row in range(20)]


def cross(number: int = 7) -> StrategySpec:
    """Return a strategy that enters when a fall turns into a rise."""
    return spec("ema_cross", CROSS, number=number)


def later(middles: Iterable[int], after_s: int = 0) -> list[Quote]:
    """Return quotes a second apart, in the event time of these tests."""
    return quotes_of(middles, start=NOW + after_s * SECOND)


async def test_quotes_in_signals_out(tmp_path: Path) -> None:
    """A signal names strategy, epoch and cause, and carries the times of its way so far."""
    async with WorkerRun(tmp_path, [btc()], [cross()]) as run:
        before = run.clock.now()
        run.publish(later(DOWN + UP))
        (signal,) = await run.take_signals(1)
        after = run.clock.now()

        assert (signal.strategy_number, signal.epoch, signal.sequence) == (7, 1, 1)
        assert (signal.action, signal.side) == (SignalAction.ENTER, Side.BUY)
        assert len(DOWN) < signal.market_sequence <= len(DOWN + UP)
        assert before <= signal.read_at <= signal.published_at <= after
        await run.until_read()
        page = run.page()
        assert page.state is ProcessState.RUNNING
        assert page.strategy_number == NO_STRATEGY
        assert page.counters[Counter.SIGNALS_PUBLISHED] == 1
        assert page.counters[Counter.CALLBACKS] == len(DOWN + UP)
        assert page.gauges[Gauge.STRATEGIES_RUNNING] == 1
        assert page.histograms[Stage.READ_TO_SIGNAL].total == 1
        assert page.histograms[Stage.PUBLISHED_TO_READ].total == len(DOWN + UP)


async def test_books_reach_those_who_want_them(tmp_path: Path) -> None:
    """A changed book in the depth table becomes a callback, with the latest quote as its time."""
    async with WorkerRun(tmp_path, [btc()], [spec("book_imbalance", LEAN)]) as run:
        run.publish(later([PRICE]))
        await run.until_read()
        run.depths.put(depth(9 * SCALE, SCALE, update_id=5))
        (signal,) = await run.take_signals(1)

        assert (signal.action, signal.market_sequence) == (SignalAction.ENTER, 1)


async def test_a_killed_worker_is_back_with_what_it_held(tmp_path: Path) -> None:
    """After SIGKILL the next life reads on, knows from the reports what it holds, and leaves it."""
    async with WorkerRun(tmp_path, [btc()], [cross()]) as run:
        run.publish(later(DOWN + UP))
        (entry,) = await run.take_signals(1)
        run.report(answer(entry, ReportKind.FILLED, position=LOT, at=entry.received_at))
        await run.until(lambda: run.count(Counter.REPORTS_APPLIED) == 1)

        await run.kill()
        missed_while_dead = later([UP[-1]] * 5, after_s=60)
        run.publish(missed_while_dead)
        await run.start()
        run.publish(later([UP[-1]], after_s=70))
        held_too_long = later([UP[-1]], after_s=3_700)
        run.publish(held_too_long)
        (leaving,) = await run.take_signals(1)

        assert (leaving.action, leaving.epoch, leaving.sequence) == (SignalAction.EXIT, 2, 1)
        assert leaving.market_sequence == held_too_long[0].sequence
        assert run.count(Counter.RECORDS_MISSED) == 0


async def test_a_worker_killed_at_any_time_repeats_and_tears_nothing(tmp_path: Path) -> None:
    """What it had published is whole, and (strategy, epoch, sequence) never names two signals."""
    strategies = [cross(number) for number in range(1, 31)]
    async with WorkerRun(tmp_path, [btc()], strategies) as run:
        signals: list[Signal] = []
        for life in range(5):
            run.publish(later(DOWN + UP, after_s=life * 1_000))
            signals += await run.take_signals(1)  # and kill it in the midst of its signals
            await run.kill()
            signals += run.signals.drain()
            run.signals.commit()
            await run.start()

        names = {(one.strategy_number, one.epoch, one.sequence) for one in signals}
        assert len(names) == len(signals)
        assert {epoch for _, epoch, _ in names} == {1, 2, 3, 4, 5}
        assert {sequence for _, _, sequence in names} == {1}
        assert (run.signals.torn, run.signals.bad_checksum, run.signals.missed) == (0, 0, 0)


async def test_a_worker_that_starts_knows_the_latest_quote(tmp_path: Path) -> None:
    """Quotes published before its start come from the table, so a position is judged at once."""
    async with WorkerRun(tmp_path, [btc()], [cross()]) as run:
        await run.kill()
        run.publish(later([PRICE] * 3))
        run.report(position_report(LOT, at=NOW - 3_600 * SECOND))
        await run.start()
        (leaving,) = await run.take_signals(1)

        assert (leaving.action, leaving.market_sequence) == (SignalAction.EXIT, 3)


async def test_a_lapped_worker_counts_its_loss_and_goes_on(tmp_path: Path) -> None:
    """The feed waits for nobody: what was overwritten is counted, and the latest is known."""
    links = LinkSettings(market_slots=256, report_slots=64, signal_slots=64)
    async with WorkerRun(tmp_path, [btc()], [cross()], links) as run:
        run.freeze()
        run.publish(later([PRICE] * 1_000))
        run.thaw()
        await run.until(lambda: run.count(Counter.RECORDS_MISSED) > 0)
        run.publish(later(DOWN + UP, after_s=1_000))
        (signal,) = await run.take_signals(1)

        assert signal.action is SignalAction.ENTER
        await run.until_read()
        assert any(line["event"] == "market_records_lost" for line in run.log())


async def test_a_worker_that_is_behind_skips_to_the_newest_quote(tmp_path: Path) -> None:
    """A backlog longer than one drain is conflated, and how many quotes were skipped is counted."""
    async with WorkerRun(tmp_path, [btc()], [cross()]) as run:
        run.freeze()
        run.publish(later([PRICE] * 2_000))
        run.thaw()
        await run.until_read()

        page = run.page()
        skipped = page.counters[Counter.QUOTES_CONFLATED]
        assert skipped > 0
        assert page.counters[Counter.CALLBACKS] + skipped == 2_000
        assert page.counters[Counter.RECORDS_MISSED] == 0


async def test_a_strategy_that_raises_is_quarantined_and_its_shard_trades_on(
    tmp_path: Path,
) -> None:
    """Quotes of nothing make `ema_cross` divide by zero; its neighbor does not care."""
    strategies = [cross(), spec("book_imbalance", LEAN, number=8)]
    async with WorkerRun(tmp_path, [btc()], strategies) as run:
        nothing = later([0] * 20)
        for quote in nothing:
            quote.bid_price = quote.ask_price = 0
        run.publish(nothing)
        await run.until(lambda: run.page().gauges[Gauge.STRATEGIES_RUNNING] == 1)
        run.publish(later(DOWN + UP, after_s=100))
        run.depths.put(depth(9 * SCALE, SCALE, update_id=5, middle=UP[-1]))
        (signal,) = await run.take_signals(1)

        assert signal.strategy_number == 8
        assert run.count(Counter.CALLBACKS_RAISED) == 3
        assert run.count(Counter.STRATEGIES_QUARANTINED) == 1
        events = [line["event"] for line in run.log()]
        assert events.count("strategy_raised") == 3
        assert events.count("strategy_quarantined") == 1


async def test_a_full_signal_ring_is_told_to_the_strategy(tmp_path: Path) -> None:
    """Nobody reads the ring of 64: the 65th signal is counted, not queued, and wished again."""
    links = LinkSettings(market_slots=2**12, report_slots=64, signal_slots=64)
    strategies = [cross(number) for number in range(1, 71)]
    async with WorkerRun(tmp_path, [btc()], strategies, links) as run:
        run.publish(later(DOWN + UP))
        await run.until(lambda: run.count(Counter.SIGNALS_RING_FULL) == 6)

        assert len(await run.take_signals(64)) == 64
        run.publish(later(DOWN + UP, after_s=1_000))
        assert len(await run.take_signals(6)) >= 6


async def test_orders_of_the_parent_are_obeyed(tmp_path: Path) -> None:
    """Paused, a strategy is silent; drained, a worker reads no market; stopped, it ends well."""
    async with WorkerRun(tmp_path, [btc()], [cross(7), cross(8)]) as run:
        assert run.said == [Ready({"strategies": 2})]
        assert run.child is not None
        run.child.send(PauseStrategy("ema_cross-7"))
        run.child.send(PauseStrategy("stranger"))
        await run.until(lambda: run.page().gauges[Gauge.STRATEGIES_RUNNING] == 1)
        run.publish(later(DOWN + UP))
        assert [one.strategy_number for one in await run.take_signals(1)] == [8]

        run.child.send(Drain())
        await run.until(lambda: Drained() in run.said)
        run.publish(later(DOWN + UP, after_s=1_000))
        run.report(position_report(LOT, number=8))
        await run.until(lambda: run.count(Counter.REPORTS_APPLIED) == 1)
        assert run.count(Counter.CALLBACKS) == len(DOWN + UP)

        run.child.send(Stop())
        exit_code, said = await run.end()
        assert exit_code == 0
        assert Stopped({"strategies_quarantined": 0}) in said
        assert run.page().state is ProcessState.STOPPED
