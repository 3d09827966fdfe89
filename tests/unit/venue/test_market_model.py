"""`genesis.venue.market_model`: a market that is seeded, consistent, lively, and touched."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from random import Random
from statistics import mean

import msgspec
import pytest

from genesis.domain.orders import OrderType, Side, TimeInForce
from genesis.errors import ConfigError
from genesis.units import NANOS_PER_SECOND, SCALE, Nanos, fixed_from_text
from genesis.venue.depth_feed import PublishedBook
from genesis.venue.market_model import BUSY_ACTIVITY, QUIET_ACTIVITY, MarketModel
from genesis.venue.matching import Execution, Taker
from genesis.venue.model_profiles import model_profiles
from genesis.venue.orders import SelfTradePrevention, VenueOrder
from genesis.venue.stream_payloads import StreamMessage, TopOfBook
from genesis.venue.tape import diff_of, top_of, trade_of
from tests.support.venue import NOW


class Everybody:
    """An audience of every stream, but for klines."""

    def __contains__(self, stream: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 1


def market(seed: int = 1, rate: float = 400, instruments: int = 4) -> MarketModel:
    """Return a market that begins now."""
    return MarketModel(
        model_profiles(instruments, {}, {}),
        rate=rate,
        random=Random(seed),
        start=NOW,
        audience=Everybody(),
    )


def run(model: MarketModel, seconds: float) -> list[StreamMessage]:
    """Let the market go on for a time, and return what it said."""
    next_at = model.next_at
    assert next_at is not None
    until = next_at + int(seconds * NANOS_PER_SECOND)
    while (at := model.next_at) is not None and at < until:
        model.step(at)
    return model.take_messages()


def resting(symbol: str, side: Side, price: int, quantity: int) -> VenueOrder:
    """Return a client's order that waits."""
    return VenueOrder(
        order_id=1,
        account_id=1,
        symbol=symbol,
        client_order_id="x",
        side=side,
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        price=price,
        quantity=quantity,
        quote_quantity=0,
        stp_mode=SelfTradePrevention.EXPIRE_MAKER,
        created_at=0,
        updated_at=0,
        open_quantity=quantity,
    )


def test_the_same_seed_makes_the_same_market() -> None:
    """Byte for byte; another seed makes another."""
    assert run(market(5), 5) == run(market(5), 5)
    assert run(market(5), 2) != run(market(6), 2)


def test_streams_are_consistent_with_each_other() -> None:
    """Ids follow each other, the book is never crossed, and quotes are the top of the depth."""
    messages = run(market(), 8)
    books: dict[str, PublishedBook] = {}
    quotes: dict[str, tuple[int, TopOfBook]] = {}
    trade_ids: dict[str, int] = {}
    for stream, payload, _ in messages:
        symbol, _, kind = stream.partition("@")
        if kind == "depth@100ms":
            diff = diff_of(payload)
            book = books.get(symbol)
            if book is None:
                books[symbol] = book = PublishedBook(diff.first_update_id - 1)
            assert diff.first_update_id == book.last_update_id + 1
            book.apply(diff)
            update_id, quote = quotes.get(symbol, (0, TopOfBook(0, 0, 0, 0)))
            assert update_id <= diff.last_update_id
            for side, price, quantity in diff.changes:
                best, at_best = quote[:2] if side is Side.BUY else quote[2:]
                if price == best and quantity:
                    assert quantity == at_best, "the quote is the top of the book"
        elif kind == "bookTicker":
            top = top_of(payload)
            assert 0 < top.bid_price < top.ask_price
            assert min(top.bid_quantity, top.ask_quantity) > 0
            update_id = msgspec.json.decode(payload)["data"]["u"]
            assert update_id > quotes.get(symbol, (0,))[0]
            quotes[symbol] = update_id, top
        else:
            trade = trade_of(payload)
            assert trade.trade_id == trade_ids.get(symbol, trade.trade_id - 1) + 1
            trade_ids[symbol] = trade.trade_id
    assert len(books) == len(quotes) == len(trade_ids) == 4


@pytest.mark.parametrize(("rate", "seconds"), [(60, 90), (1_500, 5)])
def test_the_rate_is_met(rate: float, seconds: int) -> None:
    """After a few seconds, messages a second are near the target for the kind of spell it is."""
    model = market(rate=rate, instruments=3)
    run(model, 5)
    counted: list[float] = []
    for _ in range(seconds):
        activity = BUSY_ACTIVITY if model.is_busy else QUIET_ACTIVITY
        counted.append(len(run(model, 1)) / activity)

    assert 0.8 * rate < mean(counted) < 1.2 * rate


def test_there_are_quiet_and_busy_spells() -> None:
    """Activity differs between them."""
    model = market(rate=40, instruments=1)
    counted: dict[bool, list[int]] = defaultdict(list)
    for _ in range(240):
        is_busy = model.is_busy
        messages = len(run(model, 1))
        if model.is_busy == is_busy:
            counted[is_busy].append(messages)

    assert mean(counted[True]) > 1.5 * mean(counted[False])


def test_instruments_move_together() -> None:
    """Returns of two instruments over seconds are clearly correlated."""
    model = market(rate=60, instruments=2)
    marks = [dict(model.marks())]
    for _ in range(90):
        run(model, 1)
        marks.append(dict(model.marks()))
    first, second = (
        [after[s] / before[s] - 1 for before, after in pairwise(marks)]
        for s in ("BTCUSDT", "ETHUSDT")
    )
    products = sum(a * b for a, b in zip(first, second, strict=True))
    norm = (sum(a * a for a in first) * sum(b * b for b in second)) ** 0.5

    assert products / norm > 0.3
    assert sum(abs(a) for a in first) > 0.001


def test_depth_reacts_to_a_client_and_refills() -> None:
    """What a client takes is gone for all, prints as a trade, and comes back in time."""
    model = market(instruments=1, rate=200)
    run(model, 2)
    book = model.book("BTCUSDT")
    before = book.best_price(Side.SELL)
    assert before is not None
    order = resting("BTCUSDT", Side.BUY, 0, 20 * SCALE)
    order.account_id = 1
    events = book.match(Taker(Side.BUY, None, order.quantity, order))
    executions = [event for event in events if isinstance(event, Execution)]
    model.number_trades("BTCUSDT", executions, NOW)
    model.publish("BTCUSDT", NOW)
    kinds = Counter(message.stream for message in model.take_messages())

    assert kinds["btcusdt@trade"] == len(executions) > 1
    assert kinds["btcusdt@bookTicker"] == 1
    after = book.best_price(Side.SELL)
    assert after is not None
    assert after > before
    spread = after - (book.best_price(Side.BUY) or 0)
    run(model, 20)
    bid, ask = book.best_price(Side.BUY), book.best_price(Side.SELL)
    assert bid is not None
    assert ask is not None
    assert ask - bid < spread


def test_a_client_is_seen_and_hit_like_anybody() -> None:
    """A resting order shows in the depth stream, and the public's takers trade with it."""
    model = market(instruments=1, rate=400)
    run(model, 1)
    book = model.book("BTCUSDT")
    best = book.best_price(Side.BUY)
    assert best is not None
    order = resting("BTCUSDT", Side.BUY, best + SCALE // 100, SCALE // 1_000)
    book.rest(order)
    model.publish("BTCUSDT", NOW)
    (quote,) = model.take_messages()
    assert top_of(quote.payload).bid_price == order.price

    fills: list[Execution] = []
    until = NOW + 120 * NANOS_PER_SECOND
    while order.open_quantity and (at := model.next_at) is not None and at < until:
        fills += [execution for _, execution in model.step(at)]
    assert sum(fill.quantity for fill in fills) == order.quantity
    assert all(fill.maker is order for fill in fills)
    assert all(fill.trade_id for fill in fills)


def test_snapshots_fit_the_stream_at_any_time() -> None:
    """A depth snapshot is a state that the stream passed through, at most some events ago."""
    model = market(instruments=1)
    states: dict[int, object] = {}
    published = PublishedBook(0)
    published.replace(model.depth("BTCUSDT", 5_000))
    states[published.last_update_id] = published.snapshot(5_000)
    lags = set()
    for _ in range(100):
        for message in run(model, 0.1):
            if message.stream.endswith("depth@100ms"):
                published.apply(diff_of(message.payload))
                states[published.last_update_id] = published.snapshot(5_000)
        snapshot = model.depth("BTCUSDT", 5_000)
        assert states[snapshot.last_update_id] == snapshot
        lags.add(published.last_update_id == snapshot.last_update_id)

    assert lags == {True, False}, "some snapshots lag, some do not"


def test_a_stalled_venue_goes_on_where_it_was() -> None:
    """Acts that a stopped process missed are not made up for."""
    model = market()
    run(model, 1)
    late: Nanos = NOW + 3_600 * NANOS_PER_SECOND
    model.step(late)
    next_at = model.next_at

    assert next_at is not None
    assert next_at > late - NANOS_PER_SECOND


def test_a_restarted_model_goes_on_from_its_marks() -> None:
    """At the prices and above the trade ids of the run before."""
    profiles = model_profiles(1, {"BTCUSDT": fixed_from_text("70000")}, {"BTCUSDT": 10**15})
    model = MarketModel(profiles, rate=100, random=Random(1), start=NOW, audience=Everybody())

    assert model.marks() == [("BTCUSDT", fixed_from_text("70000"))]
    trades = [m for m in run(model, 10) if m.stream.endswith("@trade")]
    assert trade_of(trades[0].payload).trade_id == 10**15 + 1
    assert model.reference_price("BTCUSDT", NOW + 10 * NANOS_PER_SECOND) > 0
    assert list(model.listings) == ["BTCUSDT"]


def test_more_instruments_than_the_model_knows() -> None:
    """The error says how many there are."""
    with pytest.raises(ConfigError, match=r"market\.instruments: the model knows"):
        model_profiles(1_000, {}, {})


def test_every_instrument_stays_within_its_rules() -> None:
    """All that the model knows, for a while: prices on ticks, whole steps, both sides filled."""
    count = 35
    model = market(rate=1_000, instruments=count)
    run(model, 2)
    assert len(model.listings) == count
    for symbol, listing in model.listings.items():
        for side in Side:
            levels = list(model.book(symbol).public_side(side).levels())
            assert levels
            assert all(price % listing.tick_size == 0 for price, _ in levels)
            assert all(quantity % listing.step_size == 0 for _, quantity in levels)
            assert all(quantity > 0 for _, quantity in levels)


def test_nobody_acts_on_a_halted_symbol() -> None:
    """Others go on, and it does too when it is resumed."""
    model = market()
    model.halt("BTCUSDT", is_halted=True)
    run(model, 1)
    heard = {message.stream.partition("@")[0] for message in run(model, 3)}
    assert "btcusdt" not in heard
    assert "ethusdt" in heard

    model.halt("BTCUSDT", is_halted=False)
    assert "btcusdt" in {message.stream.partition("@")[0] for message in run(model, 3)}


@pytest.mark.parametrize("seconds", [-3_600, 3_600])
def test_the_market_moves_with_the_clock(seconds: int) -> None:
    """Set forward or back, it goes on at its pace, neither hurrying nor waiting."""
    model, steady = market(), market()
    run(model, 5)
    run(steady, 5)
    step = seconds * NANOS_PER_SECOND
    before = model.next_at
    model.shift(step)

    assert before is not None
    assert model.next_at == before + step
    assert abs(len(run(model, 20)) / len(run(steady, 20)) - 1) < 0.2
