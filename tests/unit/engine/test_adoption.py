"""Orders that carry our name and are not in the journal."""

import msgspec
import pytest

from genesis.domain.orders import ExecutionReport, OrderState, ReportKind
from genesis.engine.effects import Announce, CancelOrder, FetchTrades, Reconcile
from genesis.engine.entries import EntriesCompleted, EntriesMissed, OrderPrepared, TradingHalted
from genesis.engine.state_machine import EngineState
from genesis.exchange.gateway import Unknown
from genesis.limits import VENUE_CLOCK_ERROR_MAX_MS
from genesis.units import NANOS_PER_MS, Nanos
from tests.support.builders import CAPITAL, LOT, NOW, SECOND, fill, report
from tests.support.desk import FENCE_MS, ORDER, Desk, filled

STRANGER = "G00-7-5-9-10"
WAIT: Nanos = (FENCE_MS + VENUE_CLOCK_ERROR_MAX_MS + 1) * NANOS_PER_MS
DAY = 86_400 * SECOND


def stranger(
    state: OrderState = OrderState.FILLED,
    *,
    name: str = STRANGER,
    venue_order_id: int = 300,
    filled: int = LOT,
) -> ExecutionReport:
    return report(
        state, client_order_id=name, venue_order_id=venue_order_id, filled_quantity=filled
    )


def reconcile(desk: Desk) -> Reconcile:
    (found,) = [effect for effect in desk.effects if isinstance(effect, Reconcile)]
    return found


def after_power_cut(desk: Desk) -> Desk:
    """Return a new life of the desk on a machine that has restarted, before the venue's answer."""
    reborn = Desk(desk.journal, epoch=2)
    return reborn.take(reborn.core.start("another boot", NOW))


def test_after_the_machine_died_nothing_is_traded_before_the_fence(desk: Desk) -> None:
    """A dead executor's request may still be under way; then the venue's whole list is read."""
    reborn = after_power_cut(desk)
    first = reconcile(reborn)
    reborn.view({"USDT": CAPITAL}, asked=first)
    assert reborn.state.name == "RECOVERING"
    assert first.orders_from == ()
    assert reborn.tick(NOW + WAIT - 1).effects == []
    asked = reconcile(reborn.tick(NOW + WAIT))
    assert asked.orders_from == (("BTCUSDT", NOW - DAY), ("ETHUSDT", NOW - DAY))
    reborn.view({"USDT": CAPITAL}, now=NOW + WAIT, asked=asked)
    assert reborn.state is EngineState.RUNNING
    assert reborn.core.compare_now(NOW).orders_from == (), "once is enough"


def test_the_same_machine_is_trusted(desk: Desk) -> None:
    """The kernel outlived the process, and so did every row: trading begins at the first answer."""
    assert Desk(desk.journal, epoch=2).start("boot").core.state is EngineState.RUNNING


def test_a_synced_journal_outlives_the_machine() -> None:
    """With durability `full` a power cut takes nothing away: trading begins at the first answer."""
    synced = Desk(is_synced=True).start("boot")
    reborn = Desk(synced.journal, epoch=2).start("another boot")
    assert reborn.core.state is EngineState.RUNNING


def test_a_clean_stop_outlives_the_machine(desk: Desk) -> None:
    """Its last row reached the disk, and with it all before."""
    desk.take(desk.core.begin_stop(NOW))
    desk.take(desk.core.finish_stop(NOW))
    assert Desk(desk.journal, epoch=2).start("another boot").core.state is EngineState.RUNNING


def test_what_the_journal_lost_is_adopted_without_a_halt(desk: Desk) -> None:
    """After a power cut it is expected: orders come in by their names, fills by trade ids."""
    reborn = after_power_cut(desk).view({"USDT": CAPITAL})
    asked = reconcile(reborn.tick(NOW + WAIT))
    reborn.view({"USDT": CAPITAL}, now=NOW + WAIT, asked=asked, orders=[stranger()])
    assert FetchTrades("BTCUSDT", 300) in reborn.effects
    assert any(isinstance(entry, EntriesCompleted) for entry in reborn.journal)
    reborn.take(reborn.core.on_trades([fill(venue_order_id=300, client_order_id="")], NOW))
    assert reborn.core.ledger.position("ema_cross-1", "BTCUSDT").quantity == LOT
    assert reborn.core.ledger.state.halted_strategies == {}


def test_a_crash_while_catching_up_begins_again(desk: Desk) -> None:
    """The journal itself says that it may lack its end, until it no longer does."""
    reborn = after_power_cut(desk)
    assert any(isinstance(entry, EntriesMissed) for entry in reborn.journal)
    again = Desk(reborn.journal, epoch=3)
    again.take(again.core.start("another boot", NOW))
    assert again.view({"USDT": CAPITAL}).core.state is EngineState.RECOVERING


def test_a_list_read_before_the_fence_is_read_again(desk: Desk) -> None:
    """It may lack an order that was still under way."""
    reborn = after_power_cut(desk).view({"USDT": CAPITAL})
    asked = reborn.core.compare_now(NOW)
    assert asked.orders_from
    reborn.view({"USDT": CAPITAL}, asked=asked, orders=[stranger()])
    assert reborn.core.ledger.find_order(STRANGER) is None
    assert reborn.state is EngineState.RECOVERING


def test_lost_orders_are_adopted_in_the_order_of_their_names(desk: Desk) -> None:
    """So a crash half way leaves none behind that looks as if it had been forgotten."""
    names = ["G00-7-5-9-20", "G00-7-5-9-10", "G00-7-5-1z-10", "G00-7-5-a-10"]
    reborn = after_power_cut(desk).view({"USDT": CAPITAL})
    asked = reconcile(reborn.tick(NOW + WAIT))
    listed = [
        stranger(OrderState.CANCELED, name=name, venue_order_id=300 + n, filled=0)
        for n, name in enumerate(names)
    ]
    reborn.view({"USDT": CAPITAL}, now=NOW + WAIT, asked=asked, orders=listed)
    adopted = [e.intent.client_order_id for e in reborn.journal if isinstance(e, OrderPrepared)]
    assert adopted == ["G00-7-5-9-10", "G00-7-5-9-20", "G00-7-5-a-10", "G00-7-5-1z-10"]


def test_a_lost_order_that_still_works_is_canceled(desk: Desk) -> None:
    """Nobody knows what it was for any more."""
    reborn = after_power_cut(desk).view({"USDT": CAPITAL})
    asked = reconcile(reborn.tick(NOW + WAIT))
    works = msgspec.structs.replace(
        stranger(OrderState.ACCEPTED, filled=0), limit_price=60_000 * 10**8
    )
    reborn.view({"USDT": CAPITAL}, now=NOW + WAIT, asked=asked, orders=[works])
    assert CancelOrder("BTCUSDT", STRANGER) in reborn.tick(NOW + WAIT + SECOND).effects


def test_an_order_of_ours_that_the_journal_lacks_halts_its_strategy(desk: Desk) -> None:
    """Once, durably; the list of orders is asked for, and what it shows is booked."""
    event = stranger()
    desk.take(desk.core.on_execution_report(event, NOW))
    assert desk.kinds() == ["Commit", "Announce"]
    assert isinstance(desk.journal[-1], TradingHalted)
    assert desk.take(desk.core.on_execution_report(event, NOW)).effects == []
    asked = desk.core.compare_now(NOW)
    assert asked.orders_from
    desk.view({"USDT": CAPITAL}, asked=asked, orders=[event])
    desk.take(desk.core.on_trades([fill(venue_order_id=300, client_order_id="")], NOW))
    assert desk.core.ledger.position("ema_cross-1", "BTCUSDT").quantity == LOT
    assert list(desk.core.ledger.state.halted_strategies) == ["ema_cross-1"]
    assert desk.judge(1, epoch=9, position=LOT).told() == [ReportKind.REFUSED]


def test_a_report_of_an_order_long_forgotten_changes_nothing(desk: Desk) -> None:
    """Its name is below the high water, so it is in the journal, settled."""
    desk.judge(5, epoch=6)
    assert desk.take(desk.core.on_execution_report(stranger(), NOW)).kinds() == ["Announce"]
    asked = desk.core.compare_now(NOW)
    desk.view({"USDT": CAPITAL}, asked=asked, orders=[stranger()])
    assert desk.core.ledger.find_order(STRANGER) is None


@pytest.mark.parametrize("name", ["web_abc", "G99-7-1-1-10"], ids=["foreign", "other account"])
def test_an_order_of_another_name_is_not_missing(desk: Desk, name: str) -> None:
    """It is somebody else's: no strategy is halted for it, and no list is asked for."""
    event = report(OrderState.FILLED, client_order_id=name, execution=fill(client_order_id=name))
    desk.take(desk.core.on_execution_report(event, NOW))
    assert desk.core.ledger.state.halted_strategies == {}
    assert desk.core.compare_now(NOW).orders_from == ()


def test_an_unknown_trade_has_the_orders_listed(desk: Desk) -> None:
    """Trades carry no name of ours, so only the list of orders tells whose one is."""
    desk.judge(quantity=LOT).answer(filled())
    trade = fill(5, client_order_id="", venue_order_id=300)
    desk.view({"USDT": CAPITAL}, [trade])
    asked = reconcile(desk.tick(NOW))
    assert asked.orders_from
    desk.view({"USDT": CAPITAL}, [trade], asked=asked, orders=[stranger()])
    desk.take(desk.core.on_trades([trade], NOW))
    assert desk.core.ledger.position("ema_cross-1", "BTCUSDT").quantity == 2 * LOT


def test_an_order_that_rested_long_is_looked_for_further_back(desk: Desk) -> None:
    """Lists name orders by when they were made; the next is asked for in the next round."""
    desk.judge(quantity=LOT).answer(filled())
    trade = fill(5, client_order_id="", venue_order_id=300)
    desk.view({"USDT": CAPITAL}, [trade])
    asked = reconcile(desk.tick(NOW))
    assert asked.orders_from == (("BTCUSDT", NOW - DAY),)
    desk.view({"USDT": CAPITAL}, [trade], asked=asked)
    assert desk.tick(NOW + SECOND).effects == [], "one list a round is enough"
    assert desk.core.compare_now(NOW).orders_from == (("BTCUSDT", NOW - 8 * DAY),)


def test_a_list_of_one_symbol_completes_no_other(desk: Desk) -> None:
    """What was missed while it was read is asked for again."""
    desk.judge(quantity=LOT).answer(filled())
    desk.view({"USDT": CAPITAL}, [fill(5, client_order_id="", venue_order_id=77)])
    asked = desk.core.compare_now(NOW)
    desk.take(desk.core.on_execution_report(stranger(), NOW - SECOND))
    desk.view({"USDT": CAPITAL}, asked=asked)
    assert desk.core.ledger.state.incomplete_since is not None
    assert {symbol for symbol, _ in desk.core.compare_now(NOW).orders_from} >= {"ETHUSDT"}


def test_an_external_trade_is_looked_into_once(desk: Desk) -> None:
    """Its order is foreign: the account's owner trades by hand."""
    desk.judge(quantity=LOT).answer(filled())
    trade = fill(5, client_order_id="", venue_order_id=300)
    desk.view({"USDT": CAPITAL}, [trade])
    asked = reconcile(desk.tick(NOW))
    desk.view({"USDT": CAPITAL}, [trade], asked=asked, orders=[stranger(name="web_1")])
    announced = [effect.event for effect in desk.effects if isinstance(effect, Announce)]
    assert announced == ["external_order_seen", "external_fill_booked"]
    assert desk.view({"USDT": CAPITAL}, [trade]).core.compare_now(NOW).orders_from == ()
    assert desk.core.compare_now(NOW).trades_from == (("BTCUSDT", 6),)


def test_a_trade_while_an_order_is_in_doubt_is_left_to_its_answer(desk: Desk) -> None:
    """It is most likely that order's own."""
    desk.judge(1, quantity=LOT).answer(filled())
    desk.judge(2, quantity=LOT, position=LOT).answer(Unknown("timeout"), "G00-7-1-2-10")
    desk.view({"USDT": CAPITAL}, [fill(5, client_order_id="", venue_order_id=300)])
    assert desk.core.compare_now(NOW).orders_from == ()
    assert desk.state_of(ORDER) is OrderState.FILLED
