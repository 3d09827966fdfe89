"""What the venue says of one order, in any order, repeated and interleaved: one state.

The messages are the venue's own, from the wire (`binance-spot.md` section 12.4): the reply to the
placement, user events, query results and lists of trades all tell of the same fills.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.domain.orders import ExecutionReport, OrderState
from genesis.engine.effects import FetchTrades
from genesis.engine.order import Order
from genesis.exchange.binance.messages import (
    decode_event,
    decode_order,
    decode_placement,
    decode_trades,
)
from genesis.exchange.gateway import Found, Unknown
from genesis.units import SCALE, text_from_fixed
from tests.support.builders import LOT, NOW, PRICE, SECOND, VENUE_MS
from tests.support.desk import ORDER, Desk
from tests.support.exchange_builders import Json, order_reply, report_event, trade_row

NUMBER: Final = 101
FEE: Final = 100
HOUR: Final = 3_600 * SECOND

Delivery: TypeAlias = Callable[[Desk], object]


def raw(document: Json) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(document))


def lots(count: int) -> str:
    return text_from_fixed(count * LOT)


def worth(count: int) -> str:
    return text_from_fixed(count * LOT * PRICE // SCALE)


@dataclass(frozen=True)
class Life:
    """An order of `size` lots, its fills (lots and fee asset of each), how it ended, its reply.

    `in_reply` says how many of the fills the reply to the placement lists.
    """

    size: int
    fills: tuple[tuple[int, str], ...]
    end: str
    in_reply: int

    def filled(self, fills: int) -> int:
        return sum(count for count, _ in self.fills[:fills])

    def status(self, fills: int) -> str:
        if self.filled(fills) == self.size:
            return "FILLED"
        return "PARTIALLY_FILLED" if fills else "NEW"

    def reply(self) -> dict[str, Json]:
        """Return the result of `order.place`."""
        listed: list[Json] = [
            {
                "price": "60000.00000000",
                "qty": lots(count),
                "commission": text_from_fixed(FEE),
                "commissionAsset": asset,
                "tradeId": trade_id,
            }
            for trade_id, (count, asset) in enumerate(self.fills[: self.in_reply])
        ]
        return self.query(self.in_reply, self.status(self.in_reply)) | {"fills": listed}

    def query(self, fills: int, status: str) -> dict[str, Json]:
        """Return the result of `order.status` at a moment of its life."""
        return order_reply(
            clientOrderId=ORDER,
            origQty=lots(self.size),
            executedQty=lots(self.filled(fills)),
            cummulativeQuoteQty=worth(self.filled(fills)),
            status=status,
        )

    def event(self, execution: str, fills: int, **changes: Json) -> dict[str, Json]:
        """Return an `executionReport` after so many fills."""
        plain = report_event(
            c=ORDER,
            q=lots(self.size),
            x=execution,
            X=self.status(fills),
            z=lots(self.filled(fills)),
            Z=worth(self.filled(fills)),
            E=VENUE_MS + fills,
            I=500 + fills,
        )
        return plain | changes

    def events(self) -> list[dict[str, Json]]:
        """Return every user event of its life."""
        told = [self.event("NEW", 0)]
        for number, (count, asset) in enumerate(self.fills):
            told.append(
                self.event(
                    "TRADE",
                    number + 1,
                    t=number,
                    l=lots(count),
                    L="60000.00000000",
                    Y=worth(count),
                    n=text_from_fixed(FEE),
                    N=asset,
                )
            )
        if self.end != "FILLED":
            # On a cancel `c` is the id of the cancel and `C` the order's own.
            names = {"c": "web_77", "C": ORDER} if self.end == "CANCELED" else {}
            told.append(self.event(self.end, len(self.fills), X=self.end, **names))
        return told

    def trades(self, fills: int) -> list[Json]:
        """Return `myTrades` after so many fills."""
        return [
            trade_row(
                number,
                orderId=NUMBER,
                qty=lots(count),
                quoteQty=worth(count),
                commission=text_from_fixed(FEE),
                commissionAsset=asset,
                isBuyer=True,
            )
            for number, (count, asset) in enumerate(self.fills[:fills])
        ]

    def deliveries(self) -> list[Delivery]:
        """Return everything that the venue may say, each to be said at least once."""
        every: list[Delivery] = [_event(document) for document in self.events()]
        every.append(_reply(self.reply()))
        every += [_query(self.query(n, self.status(n))) for n in range(len(self.fills) + 1)]
        every.append(_query(self.query(len(self.fills), self.end)))
        every += [_trades(self.trades(n)) for n in range(1, len(self.fills) + 1)]
        return every


def _event(document: dict[str, Json]) -> Delivery:
    report = decode_event(raw(document), NOW)
    assert isinstance(report, ExecutionReport)
    return lambda desk: desk.take(desk.core.on_execution_report(report, NOW))


def _reply(document: dict[str, Json]) -> Delivery:
    return lambda desk: desk.answer(decode_placement(raw(document), ORDER, NOW))


def _query(document: dict[str, Json]) -> Delivery:
    return lambda desk: desk.query(Found(decode_order(raw(document), ORDER, NOW)), 0)


def _trades(rows: list[Json]) -> Delivery:
    return lambda desk: desk.take(desk.core.on_trades(decode_trades(raw(rows)), NOW))


def _no_reply(desk: Desk) -> object:
    return desk.answer(Unknown("timeout"))


def placed(life: Life) -> Desk:
    """Return a desk that has just sent the order."""
    return Desk().start().judge(quantity=life.size * LOT)


def order_of(desk: Desk) -> Order:
    order = desk.core.ledger.find_order(ORDER)
    assert order is not None
    return order


@st.composite
def lives(draw: st.DrawFn) -> Life:
    fills = draw(
        st.lists(
            st.tuples(st.integers(1, 4), st.sampled_from(["BTC", "BNB", "USDT"])), max_size=4
        ).map(tuple)
    )
    filled = sum(count for count, _ in fills)
    is_whole = filled > 0 and draw(st.booleans())
    size = filled if is_whole else filled + draw(st.integers(1, 3))
    end = "FILLED" if is_whole else draw(st.sampled_from(["CANCELED", "EXPIRED"]))
    return Life(size, fills, end, in_reply=draw(st.integers(0, len(fills))))


@given(lives(), st.data())
def test_any_order_and_repetition_gives_one_state(life: Life, data: st.DataObject) -> None:
    """Whatever comes first, twice or late: the same fills, position, balances, fees and end."""
    every = life.deliveries()
    again = data.draw(st.lists(st.sampled_from([*every, _no_reply]), max_size=8))
    told = data.draw(st.permutations([*every, *again]))
    straight, shuffled = placed(life), placed(life)
    for deliver in every:
        deliver(straight)
    for deliver in told:
        deliver(shuffled)
    order, state = order_of(shuffled), shuffled.core.ledger.state
    assert order.state is OrderState[life.end]
    assert order.booked_quantity == order.filled_quantity == life.filled(len(life.fills)) * LOT
    assert order.booked_trades == set(range(len(life.fills)))
    assert state.fills_booked == len(life.fills)
    assert shuffled.core.is_drained
    assert state == straight.core.ledger.state
    assert Desk(shuffled.journal, epoch=2).core.ledger.state == state


def test_each_fill_has_a_fee_asset_of_its_own() -> None:
    """The account's BNB may run out between two fills of one order."""
    life = Life(2, ((1, "BNB"), (1, "BTC")), "FILLED", in_reply=1)
    desk = placed(life)
    for deliver in life.deliveries():
        deliver(desk)
    assert desk.core.ledger.state.fees == {"BNB": FEE, "BTC": FEE}
    assert desk.core.ledger.position("ema_cross-1", "BTCUSDT").quantity == 2 * LOT - FEE


def test_a_report_of_the_past_changes_nothing() -> None:
    """Less filled than is known, or a status that was left behind: it came late."""
    life = Life(3, ((1, "BTC"), (1, "BTC")), "CANCELED", in_reply=0)
    desk = placed(life)
    new, first, second, _ = (_event(document) for document in life.events())
    for deliver in (first, second):
        deliver(desk)
    for deliver in (new, _query(life.query(0, "NEW")), _query(life.query(1, "CANCELED"))):
        deliver(desk)
        assert desk.effects == []
    assert order_of(desk).state is OrderState.PARTIALLY_FILLED
    assert order_of(desk).filled_quantity == 2 * LOT


def test_a_filled_quantity_beyond_the_known_fills_has_the_trades_fetched() -> None:
    """An event was missed: its fill is asked for by the venue's order number."""
    life = Life(3, ((1, "BTC"), (1, "BTC")), "CANCELED", in_reply=0)
    desk = placed(life)
    new, _missed, second, _ = (_event(document) for document in life.events())
    new(desk)
    second(desk)
    assert FetchTrades("BTCUSDT", NUMBER) in desk.tick(NOW + SECOND).effects
    _trades(life.trades(2))(desk)
    assert order_of(desk).booked_quantity == 2 * LOT


@pytest.mark.parametrize("end", ["CANCELED", "EXPIRED"])
def test_an_end_with_something_filled_is_a_partial_fill(end: str) -> None:
    """It is not "nothing": what was filled is fetched, and held."""
    life = Life(3, ((2, "BNB"),), end, in_reply=0)
    desk = placed(life)
    *_, last = (_event(document) for document in life.events())
    last(desk)
    assert order_of(desk).state is OrderState[end]
    assert not desk.core.is_drained
    assert FetchTrades("BTCUSDT", NUMBER) in desk.tick(NOW + SECOND).effects
    _trades(life.trades(1))(desk)
    assert desk.core.ledger.position("ema_cross-1", "BTCUSDT").quantity == 2 * LOT
    assert desk.core.is_drained


def test_an_order_is_known_by_the_venue_s_number_once_there_is_one() -> None:
    """A list may show another client order id for it, as after an amendment by its owner."""
    life = Life(2, ((1, "BTC"), (1, "BTC")), "FILLED", in_reply=1)
    desk = placed(life)
    _reply(life.reply())(desk)
    amended = life.events()[2] | {"c": "web_1", "C": ""}
    _event(amended)(desk)
    assert order_of(desk).state is OrderState.FILLED
    assert desk.core.ledger.position("ema_cross-1", "BTCUSDT").quantity == 2 * LOT - 2 * FEE


def test_an_id_of_ours_that_another_has_taken_is_not_ours() -> None:
    """It is free again once our order has ended, and its fills are not ours then."""
    life = Life(1, ((1, "BTC"),), "FILLED", in_reply=1)
    desk = placed(life)
    _reply(life.reply())(desk)
    other = life.events()[1] | {"i": NUMBER + 1, "t": 9}
    _event(other)(desk)
    assert desk.core.ledger.position("ema_cross-1", "BTCUSDT").quantity == LOT - FEE
    assert order_of(desk).booked_trades == {0}
