"""What others do on our account: seen, in the balances, and owned by nobody here."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.domain.instruments import Instrument
from genesis.domain.orders import ExecutionReport, Fill, OrderState, OrderType, Side
from genesis.engine.account_summary import summarize
from genesis.engine.effects import Announce, FetchInstruments, Reconcile, SearchTrades
from genesis.engine.entries import BooksAgreed, ExternalFillBooked, external_name
from genesis.engine.ledger import Ledger
from genesis.engine.reconciliation import VenueView
from genesis.engine.state_machine import EngineState
from genesis.exchange.gateway import Accepted, NoAnswer, NotListed
from genesis.limits import (
    BOOKS_AGREED_PERIOD,
    EXTERNAL_ORDERS_KEPT,
    EXTERNAL_PATIENCE,
    EXTERNAL_SHOWN_MAX,
    EXTERNAL_TRADES_KEPT,
    RECONCILE_ORDER_AGE,
)
from genesis.units import SCALE
from tests.support.builders import CAPITAL, LOT, NOW, PRICE, SECOND, btc, fill, report
from tests.support.desk import OPENED_AT, ORDER, Desk, filled

WEB = "web_1"
NUMBER = 900
COST = 60 * SCALE
AFTER_BUY = {"USDT": CAPITAL - COST, "BTC": LOT}


def by_hand(
    trade_id: int = 50, *, symbol: str = "BTCUSDT", fee: int = 0, fee_asset: str = "USDT"
) -> Fill:
    """Return a trade of an order that its owner placed by hand."""
    bought = fill(
        trade_id, client_order_id=WEB, venue_order_id=NUMBER, fee=fee, fee_asset=fee_asset
    )
    return msgspec.structs.replace(bought, symbol=symbol)


def listed(trade: Fill) -> Fill:
    """Return the trade as `myTrades` lists it."""
    return msgspec.structs.replace(trade, client_order_id="")


def order_by_hand(
    state: OrderState = OrderState.FILLED, trade: Fill | None = None, **changes: object
) -> ExecutionReport:
    """Return a report of that order, about one of its trades if there is one."""
    told = report(
        state,
        client_order_id=WEB,
        venue_order_id=NUMBER,
        filled_quantity=LOT if state is OrderState.FILLED else 0,
        execution=trade,
    )
    symbol = "BTCUSDT" if trade is None else trade.symbol
    return msgspec.structs.replace(told, symbol=symbol, **changes)


def hear(desk: Desk, told: ExecutionReport, now: int = NOW) -> Desk:
    return desk.take(desk.core.on_execution_report(told, now))


def booked(desk: Desk) -> list[ExternalFillBooked]:
    return [entry for entry in desk.journal if isinstance(entry, ExternalFillBooked)]


def announced(desk: Desk) -> list[str]:
    return [effect.event for effect in desk.effects if isinstance(effect, Announce)]


def searches(desk: Desk) -> list[SearchTrades]:
    return [effect for effect in desk.effects if isinstance(effect, SearchTrades)]


def reconcile(desk: Desk) -> Reconcile:
    (found,) = [effect for effect in desk.effects if isinstance(effect, Reconcile)]
    return found


def test_a_trade_by_hand_moves_balances_and_nothing_else(desk: Desk) -> None:
    """It is logged once, in the books once, and nobody's position; the books stay equal."""
    event = order_by_hand(trade=by_hand(fee=5, fee_asset="BNB"))
    assert announced(hear(desk, event)) == ["external_order_seen", "external_fill_booked"]
    assert hear(desk, event).effects == []
    assert desk.core.ledger.state.positions == {}
    assert desk.core.ledger.state.fees == {}
    assert desk.core.valuation.equity == CAPITAL
    assert desk.core.ledger.state.fills_booked == 0
    assert desk.core.ledger.state.external_fills == 1
    desk.view({**AFTER_BUY, "BNB": -5})
    assert desk.core.comparison.equal is True


def test_event_and_list_of_one_trade_count_once(desk: Desk) -> None:
    """Also over a restart, and whichever comes first."""
    desk.judge(quantity=LOT).answer(filled())
    hear(desk, order_by_hand(trade=by_hand()))
    reborn = Desk(desk.journal, epoch=2).start()
    reborn.view({}, [listed(by_hand())])
    hear(reborn, order_by_hand(trade=by_hand()))
    assert len(booked(reborn)) == 1
    assert reborn.core.compare_now(NOW).orders_from == (), "nothing is left to be asked"
    assert reborn.core.compare_now(NOW).trades_from == (("BTCUSDT", 51),)


def test_both_sides_of_a_trade_with_oneself_count() -> None:
    """Two orders of the account's owner may meet: one trade id, two movements."""
    one, other = by_hand(), msgspec.structs.replace(by_hand(), venue_order_id=NUMBER + 1)
    assert external_name(one) != external_name(other)


@given(st.permutations(range(5)), st.lists(st.integers(0, 4), max_size=5))
def test_reports_in_any_order_give_one_state(order: list[int], again: list[int]) -> None:
    """As for our own orders: fills by their ids, the rest forward, ties by `E`, then `I`."""
    half = LOT // 2
    trades = [msgspec.structs.replace(by_hand(n), quantity=half) for n in (1, 2)]
    plain = order_by_hand(OrderState.ACCEPTED)
    history = [
        plain,
        msgspec.structs.replace(plain, quantity=3 * LOT, execution_id=1),  # amended
        msgspec.structs.replace(plain, quantity=2 * LOT, execution_id=2),
        order_by_hand(
            OrderState.PARTIALLY_FILLED, trades[0], quantity=2 * LOT, filled_quantity=half
        ),
        order_by_hand(OrderState.CANCELED, trades[1], quantity=2 * LOT, filled_quantity=LOT),
    ]
    desk = Desk().start()
    seen_first: list[ExecutionReport] = []
    for place in [*order, *again]:
        hear(desk, history[place])
        seen_first.append(history[place])
    (known,) = desk.core.external.orders
    assert known == history[4]
    assert desk.core.external.open_orders == ()
    assert sorted(entry.fill.trade_id for entry in booked(desk)) == [1, 2]


@pytest.mark.parametrize("is_turned", [False, True], ids=["in order", "turned round"])
def test_of_one_moment_the_later_execution_counts(desk: Desk, is_turned: bool) -> None:  # noqa: FBT001 - a case
    """An order placed and amended in one millisecond, delivered by two connections."""
    placed = order_by_hand(OrderState.ACCEPTED, execution_id=7)
    amended = order_by_hand(OrderState.ACCEPTED, quantity=5 * LOT, execution_id=8)
    for told in (amended, placed) if is_turned else (placed, amended):
        hear(desk, told)
    assert list(desk.core.external.open_orders) == [amended]


def test_what_was_traded_before_the_books_were_opened_is_part_of_the_opening() -> None:
    """The event may come before the first view of the account, which may hold it or not."""
    desk = Desk()
    desk.take(desk.core.start("boot", NOW))
    before = msgspec.structs.replace(by_hand(1), traded_at=OPENED_AT)
    after = msgspec.structs.replace(by_hand(2), traded_at=OPENED_AT + 1)
    for trade in (before, after):
        hear(desk, order_by_hand(trade=trade))
    assert booked(desk) == []
    desk.view({"USDT": CAPITAL})
    assert [entry.fill.trade_id for entry in booked(desk)] == [2]


def test_the_assets_of_another_symbol_are_asked_for_once(desk: Desk) -> None:
    """An event names the symbol only; what it moves is in the venue's listing."""
    trades = [by_hand(n, symbol="SOLEUR") for n in (1, 2)]
    asked = FetchInstruments(("SOLEUR",))
    assert asked in hear(desk, order_by_hand(OrderState.ACCEPTED, trades[0])).effects
    assert hear(desk, order_by_hand(OrderState.ACCEPTED, trades[1])).effects == []
    sol = btc(0, "SOLEUR", "SOL", quote_asset="EUR")
    desk.take(desk.core.on_listing(asked, (sol,), NOW))
    assert len(booked(desk)) == 2
    assert desk.core.ledger.expected_balance("SOL") == 2 * LOT
    assert desk.core.ledger.expected_balance("EUR") == -2 * COST


@pytest.mark.parametrize(
    ("answer", "is_asked_again"), [(NoAnswer("timeout"), True), (NotListed(), False)], ids=str
)
def test_assets_that_were_not_told_are_asked_for_again(
    desk: Desk,
    answer: tuple[Instrument, ...] | NotListed | NoAnswer,
    is_asked_again: bool,  # noqa: FBT001 - a case
) -> None:
    """With the next view; but not of a symbol that the venue does not list any more."""
    asked = FetchInstruments(("SOLEUR",))
    hear(desk, order_by_hand(trade=by_hand(symbol="SOLEUR")))
    desk.take(desk.core.on_listing(asked, answer, NOW))
    assert (asked in desk.view({"USDT": CAPITAL}).effects) is is_asked_again
    assert booked(desk) == []


def test_open_orders_of_others_count_towards_the_account_s_limits() -> None:
    """The venue counts all orders of the account, whoever placed them."""
    desk = Desk(instruments=[btc(max_open_orders=2, max_position=3 * LOT)]).start()
    one = order_by_hand(OrderState.ACCEPTED)
    hear(desk, one)
    assert "SubmitOrder" in desk.judge(1, quantity=LOT).kinds()
    desk.answer(filled())
    two = msgspec.structs.replace(one, venue_order_id=NUMBER + 1, quantity=5)
    hear(desk, two)
    desk.judge(2, quantity=LOT, position=LOT)
    assert desk.core.ledger.state.refusals == {"max_num_orders": 1}
    hear(desk, msgspec.structs.replace(two, state=OrderState.CANCELED))
    desk.judge(3, quantity=2 * LOT, position=LOT)
    assert desk.core.ledger.state.refusals == {"max_num_orders": 1, "max_position": 1}
    assert "SubmitOrder" in desk.judge(4, quantity=LOT, position=LOT).kinds()


def test_the_summary_shows_the_last_orders_of_others(desk: Desk) -> None:
    """The latest first, with the symbols and how many there were."""
    plain = order_by_hand(OrderState.ACCEPTED)
    for number in range(EXTERNAL_SHOWN_MAX + 2):
        name = f"web_{number}"
        hear(desk, msgspec.structs.replace(plain, client_order_id=name, venue_order_id=number))
    hear(desk, order_by_hand(trade=by_hand(symbol="ETHUSDT")))
    shown = summarize(desk.core, NOW).external
    assert (shown.orders, shown.open_orders, shown.fills) == (
        EXTERNAL_SHOWN_MAX + 3,
        EXTERNAL_SHOWN_MAX + 2,
        1,
    )
    assert shown.symbols == {"BTCUSDT": EXTERNAL_SHOWN_MAX + 2, "ETHUSDT": 1}
    assert len(shown.last_orders) == EXTERNAL_SHOWN_MAX
    newest, second, *_ = shown.last_orders
    assert (newest.symbol, newest.state, newest.filled_quantity) == (
        "ETHUSDT",
        "filled",
        "0.00100000",
    )
    assert second.client_order_id == f"web_{EXTERNAL_SHOWN_MAX + 1}"


def test_an_open_order_that_is_no_longer_listed_has_ended(desk: Desk) -> None:
    """Its end was not told; one that is young may be missing because lists lag."""
    hear(desk, order_by_hand(OrderState.ACCEPTED))
    young = NOW + RECONCILE_ORDER_AGE
    desk.view({"USDT": CAPITAL}, now=young)
    assert len(desk.core.external.open_orders) == 1
    again = order_by_hand(OrderState.ACCEPTED, received_at=young + 1)
    desk.view({"USDT": CAPITAL}, now=young + 1, open_orders=[again])
    assert len(desk.core.external.open_orders) == 1
    desk.view({"USDT": CAPITAL}, now=young + 1 + 2 * RECONCILE_ORDER_AGE)
    assert not desk.core.external.open_orders


def test_only_so_many_orders_are_remembered(desk: Desk) -> None:
    """Another program may place orders all day; the oldest news is forgotten first."""
    plain = order_by_hand(OrderState.ACCEPTED)
    for number in range(EXTERNAL_ORDERS_KEPT + 1):
        hear(desk, msgspec.structs.replace(plain, venue_order_id=number))
    assert len(desk.core.external.orders) == EXTERNAL_ORDERS_KEPT
    assert len(desk.core.external.open_orders) == EXTERNAL_ORDERS_KEPT
    assert desk.core.external.orders_by_symbol == {"BTCUSDT": EXTERNAL_ORDERS_KEPT + 1}


def test_a_trade_of_an_order_of_ours_that_is_forgotten_is_not_external(desk: Desk) -> None:
    """Its name is below the high water: it was booked when it was made, long ago."""
    desk.judge(1, quantity=LOT).answer(filled())
    desk.judge(5, epoch=6)
    old = msgspec.structs.replace(listed(by_hand()), trade_id=7)
    desk.view({"USDT": CAPITAL}, [old])
    asked = reconcile(desk.tick(NOW))
    forgotten = order_by_hand(client_order_id="G00-7-5-9-10")
    desk.view({"USDT": CAPITAL}, [old], asked=asked, orders=[forgotten])
    assert booked(desk) == []
    assert desk.core.external.orders == ()
    assert desk.view({"USDT": CAPITAL}, [old]).core.compare_now(NOW).orders_from == ()
    assert desk.core.compare_now(NOW).trades_from == (("BTCUSDT", 8),)


def test_only_so_many_trades_wait(desk: Desk) -> None:
    """Whose they are may never be told; what is dropped is searched for if it matters."""
    desk.judge(quantity=LOT).answer(filled())
    trades = [listed(by_hand(n)) for n in range(2, EXTERNAL_TRADES_KEPT + 3)]
    desk.view({"USDT": CAPITAL}, trades)
    assert len(desk.core.external.unclassified) == EXTERNAL_TRADES_KEPT


def test_only_so_many_trades_are_remembered_and_none_twice() -> None:
    """What is forgotten counts as booked: a second booking is worse than a difference."""
    ledger = Ledger()
    trades = [
        msgspec.structs.replace(by_hand(n), traded_at=NOW + n)
        for n in range(EXTERNAL_TRADES_KEPT + 1)
    ]
    for trade in trades:
        ledger.apply(ExternalFillBooked(trade, "BTC", "USDT", NOW))
    assert len(ledger.state.external_trades) == EXTERNAL_TRADES_KEPT
    assert ledger.state.accounted_until == NOW
    assert all(ledger.has_external(trade) for trade in trades)
    assert not ledger.has_external(msgspec.structs.replace(trades[1], trade_id=-5))


def test_what_was_missed_is_searched_for_and_explains_the_difference(desk: Desk) -> None:
    """The engine was away while its owner traded by hand: the venue's own trades say so."""
    missed = listed(by_hand())
    desk.view(AFTER_BUY, now=NOW)
    assert searches(desk) == [], "one reading may have raced a list"
    now = NOW + 2 * SECOND
    desk.view(AFTER_BUY, now=now, found={"BTCUSDT": (missed,)})
    assert SearchTrades("BTCUSDT", OPENED_AT) in searches(desk)
    asked = reconcile(desk.tick(now))
    assert [symbol for symbol, _ in asked.orders_from] == ["BTCUSDT"]
    desk.view(AFTER_BUY, now=now, asked=asked, orders=[order_by_hand()])
    assert announced(desk) == ["external_order_seen", "external_fill_booked"]
    desk.view(AFTER_BUY, now=now + 20 * SECOND)
    assert desk.core.comparison.equal is True
    assert desk.state is EngineState.RUNNING


def test_a_search_asks_where_the_difference_may_come_from(desk: Desk) -> None:
    """Symbols of ours first, then the assets' own pairs, then what merely touches them."""
    differs = {"USDT": CAPITAL - COST, "ETH": LOT, "SOL": LOT}
    hear(desk, order_by_hand(OrderState.ACCEPTED, by_hand(symbol="ADAUSDT")))
    desk.view(differs).view(differs, now=NOW + 2 * SECOND)
    assert [search.symbol for search in searches(desk)] == [
        "ETHUSDT",
        "ADAUSDT",
        "ETHSOL",
        "SOLETH",
        "SOLUSDT",
        "USDTETH",
        "USDTSOL",
        "BTCUSDT",
    ]
    assert {search.since for search in searches(desk)} == {OPENED_AT}


def test_one_difference_is_searched_once(desk: Desk) -> None:
    """It costs much of the request weight, and what was not there will not appear."""
    minus_one = {"USDT": CAPITAL - 1}
    desk.view(minus_one).view(minus_one, now=NOW + 2 * SECOND)
    assert searches(desk)
    desk.view(minus_one, now=NOW + 4 * SECOND)
    assert searches(desk) == []
    assert desk.view(minus_one, now=NOW + 10 * SECOND).state is EngineState.HALTED


def test_a_difference_that_nothing_explains_halts(desk: Desk) -> None:
    """The search took its time, and then found trades that are in the books already."""
    desk.judge(quantity=LOT).answer(filled())
    wrong = {"USDT": CAPITAL - COST - 1, "BTC": LOT}
    mine = fill(client_order_id="")
    desk.view(wrong).view(wrong, now=NOW + 12 * SECOND, found={"BTCUSDT": (mine,)})
    assert desk.state is EngineState.HALTED
    assert booked(desk) == []


def test_a_search_that_is_not_answered_delays_a_halt_but_not_for_ever(desk: Desk) -> None:
    """It is asked again at the next reading."""
    minus_one = {"USDT": CAPITAL - 1}
    silent = {symbol: NoAnswer("timeout") for symbol in ("BTCUSDT", "ETHUSDT")}
    desk.view(minus_one).view(minus_one, now=NOW + 2 * SECOND, found=silent)
    desk.view(minus_one, now=NOW + 4 * SECOND, found=silent)
    assert len(searches(desk)) == 2
    hear(desk, order_by_hand(trade=by_hand(symbol="SOLEUR")))
    end = NOW + 2 * SECOND + EXTERNAL_PATIENCE
    desk.view(minus_one, now=end - 1)
    assert desk.core.ledger.state.halt_reason == "", "a trade of unknown assets may explain it"
    desk.view(minus_one, now=end)
    assert desk.state is EngineState.HALTED


def test_a_search_has_its_time_however_long_the_difference_stands(desk: Desk) -> None:
    """Orders in flight put it off, or the machine slept: it is not given up before it began."""
    late = NOW + 2 * EXTERNAL_PATIENCE
    silent = {symbol: NoAnswer("timeout") for symbol in ("BTCUSDT", "ETHUSDT")}
    hear(desk, order_by_hand(trade=by_hand(symbol="SOLEUR")))
    desk.view({"USDT": CAPITAL - 1}).view({"USDT": CAPITAL - 1}, now=late, found=silent)
    assert desk.core.ledger.state.halt_reason == ""
    end = late + EXTERNAL_PATIENCE
    desk.view({"USDT": CAPITAL - 1}, now=end - 1, found=silent)
    assert desk.core.ledger.state.halt_reason == ""
    desk.view({"USDT": CAPITAL - 1}, now=end, found=silent)
    assert desk.state is EngineState.HALTED


def test_the_same_difference_once_more_is_searched_once_more(desk: Desk) -> None:
    """Books were equal in between: it is another one."""
    now = NOW
    for _ in range(2):
        desk.view({"USDT": CAPITAL - 1}, now=now).view({"USDT": CAPITAL - 1}, now=now + SECOND)
        assert searches(desk)
        desk.view({"USDT": CAPITAL}, now=now + 2 * SECOND)
        now += 3 * SECOND


def test_what_is_booked_while_a_search_runs_may_be_the_explanation(desk: Desk) -> None:
    """The end of a search is no reason to halt then: the next comparison tells."""
    desk.view(AFTER_BUY)
    asked, now = desk.core.compare_now(NOW), NOW + 12 * SECOND
    view = VenueView(
        venue_ms=0, open_orders=(), orders=(), trades=(), balances=AFTER_BUY, balances_at=OPENED_AT
    )
    desk.take(desk.core.on_venue_view(view, asked, now))
    pending = searches(desk)
    hear(desk, order_by_hand(trade=by_hand()), now)
    for search in pending:
        desk.take(desk.core.on_trades_found(search, (), now))
    assert desk.state is EngineState.RUNNING
    assert desk.view(AFTER_BUY, now=now).core.comparison.equal is True


def test_a_symbol_that_is_not_listed_explains_nothing(desk: Desk) -> None:
    """Most pairs of assets are none."""
    minus_one = {"USDT": CAPITAL - 1}
    gone = {symbol: NotListed() for symbol in ("BTCUSDT", "ETHUSDT")}
    desk.view(minus_one).view(minus_one, now=NOW + 10 * SECOND, found=gone)
    assert desk.state is EngineState.HALTED


def test_a_trade_of_ours_that_a_search_finds_is_ours(desk: Desk) -> None:
    """Its event was lost, and its order looks unfilled: it is booked to its strategy."""
    desk.judge(order_type=OrderType.LIMIT, limit_price=PRICE, quantity=LOT)
    desk.answer(Accepted(report(OrderState.ACCEPTED)))
    works = report(OrderState.ACCEPTED)
    mine = fill(client_order_id="")
    desk.view(AFTER_BUY, open_orders=[works])
    desk.view(AFTER_BUY, now=NOW + 2 * SECOND, open_orders=[works], found={"BTCUSDT": (mine,)})
    assert desk.core.ledger.position("ema_cross-1", "BTCUSDT").quantity == LOT
    assert booked(desk) == []


def test_books_that_agree_are_written_down_as_agreed_once_a_minute(desk: Desk) -> None:
    """Later searches need reach no further back, and older trades no memory."""
    hear(desk, order_by_hand(trade=by_hand()))
    desk.view(AFTER_BUY, balances_at=NOW)
    agreed = BooksAgreed(NOW, NOW)
    assert desk.journal[-1] == agreed
    state = desk.core.ledger.state
    assert (state.accounted_until, state.external_trades) == (NOW, {})
    assert hear(desk, order_by_hand(trade=by_hand())).effects == []
    now = NOW + BOOKS_AGREED_PERIOD
    desk.view(AFTER_BUY, now=now, balances_at=NOW)
    assert desk.journal[-1] == agreed, "the account has not moved"
    desk.view(AFTER_BUY, now=now - 1, balances_at=NOW + SECOND)
    assert desk.journal[-1] == agreed, "not yet"
    desk.view(AFTER_BUY, now=now, balances_at=NOW + SECOND)
    assert desk.journal[-1] == BooksAgreed(NOW + SECOND, now)


def test_books_do_not_agree_while_something_is_in_flight(desk: Desk) -> None:
    """Two movements unknown to us may cancel out."""
    desk.judge(quantity=LOT)
    desk.view({"USDT": CAPITAL}, balances_at=NOW)
    assert desk.core.comparison.equal is True
    assert desk.core.ledger.state.accounted_until == OPENED_AT


def test_a_trade_that_a_person_has_accepted_as_a_difference_is_not_booked_again(
    desk: Desk,
) -> None:
    """Whatever moved the balances by then is in them, however late it is told."""
    desk.view(AFTER_BUY, balances_at=NOW).view(AFTER_BUY, now=NOW + 10 * SECOND, balances_at=NOW)
    desk.take(desk.core.resume(NOW + 11 * SECOND, accept_differences=True))
    hear(desk, order_by_hand(trade=by_hand()))
    assert booked(desk) == []
    assert desk.view(AFTER_BUY, now=NOW + 12 * SECOND).core.comparison.equal is True


def test_a_sale_by_hand_takes_no_lots_of_a_strategy(desk: Desk) -> None:
    """The account's lots are one balance, but ours are ours: the strategy still holds them."""
    desk.judge(quantity=LOT).answer(filled())
    sold = msgspec.structs.replace(by_hand(), side=Side.SELL)
    hear(desk, order_by_hand(trade=sold))
    assert desk.core.ledger.position("ema_cross-1", "BTCUSDT").quantity == LOT
    assert desk.core.ledger.expected_balance("BTC") == 0
    desk.view({"USDT": CAPITAL})
    assert desk.core.comparison.equal is True
    assert desk.state_of(ORDER) is OrderState.FILLED


def test_an_order_of_ours_where_this_run_does_not_trade_is_not_adopted(desk: Desk) -> None:
    """Its assets are not in the catalogue; somebody must know, and the difference halts."""
    stranger = msgspec.structs.replace(
        order_by_hand(), client_order_id="G00-7-5-9-10", symbol="SOLUSDT"
    )
    differs = {"USDT": CAPITAL - COST, "SOL": LOT}
    trade = listed(by_hand(symbol="SOLUSDT"))
    desk.view(differs).view(differs, now=NOW + 2 * SECOND, found={"SOLUSDT": (trade,)})
    asked = reconcile(desk.tick(NOW + 2 * SECOND))
    assert [symbol for symbol, _ in asked.orders_from] == ["SOLUSDT"]
    desk.view(differs, now=NOW + 2 * SECOND, asked=asked, orders=[stranger])
    assert "order_not_adopted" in announced(desk)
    assert booked(desk) == []
    desk.view(differs, now=NOW + 2 * SECOND + EXTERNAL_PATIENCE)
    assert desk.state is EngineState.HALTED
