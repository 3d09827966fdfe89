"""`genesis.venue.replay_market`: a tape as a market, at its own pace and never altered."""

from collections.abc import Sequence

import msgspec

from genesis.domain.orders import OrderType, Side, TimeInForce
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, NANOS_PER_US, SCALE, Nanos
from genesis.venue.depth_feed import PublishedBook
from genesis.venue.matching import Execution, Taker
from genesis.venue.orders import SelfTradePrevention, VenueOrder
from genesis.venue.replay_market import ReplayMarket, ReplayOptions
from genesis.venue.stream_payloads import StreamMessage
from genesis.venue.tape import assign_snapshots, diff_of, make_tape, read_line, top_of, trade_of
from tests.support import tapes
from tests.support.venue import NOW, fixed

STREAMS = ["btcusdt@bookTicker", "btcusdt@trade", "btcusdt@depth@100ms"]


def replay(
    *,
    speed: float = 1.0,
    loop: bool = False,
    is_raw: bool = False,
    audience: Sequence[str] = STREAMS,
    lines: Sequence[bytes] | None = None,
) -> ReplayMarket:
    """Return a market that plays the short tape from now on."""
    recorded = tapes.short_tape() if lines is None else lines
    tape = make_tape(assign_snapshots([read_line(line) for line in recorded]))
    options = ReplayOptions(speed=speed, loop=loop, is_raw=is_raw)
    return ReplayMarket(tape, options, start=NOW, audience=audience, last_trade_ids={})


def play(market: ReplayMarket, seconds: float) -> list[tuple[Nanos, StreamMessage]]:
    """Play for a time; return each message with the moment it was sent."""
    sent: list[tuple[Nanos, StreamMessage]] = []
    until = NOW + int(seconds * NANOS_PER_SECOND)
    now = NOW
    while (at := market.next_at) is not None and max(at, now) <= until:
        now = max(at, now)
        market.step(now)
        sent += [(now, message) for message in market.take_messages()]
    return sent


def bid(price: str, quantity: str, order_id: int = 1) -> VenueOrder:
    """Return a client's buy order."""
    return VenueOrder(
        order_id=order_id,
        account_id=1,
        symbol="BTCUSDT",
        client_order_id=str(order_id),
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        price=fixed(price),
        quantity=fixed(quantity),
        quote_quantity=0,
        stp_mode=SelfTradePrevention.EXPIRE_MAKER,
        created_at=0,
        updated_at=0,
        open_quantity=fixed(quantity),
    )


def fills(market: ReplayMarket, seconds: float) -> list[Execution]:
    """Play for a time; return what clients' resting orders traded."""
    found: list[Execution] = []
    while (at := market.next_at) is not None and at <= NOW + int(seconds * NANOS_PER_SECOND):
        found += [execution for _, execution in market.step(at)]
    return found


def test_frames_come_at_their_time_moved_to_now() -> None:
    """Spacing is the tape's, event times are never later than the sending."""
    sent = play(replay(), 2)

    assert [(at - NOW) // NANOS_PER_MS for at, _ in sent] == [0, 10, 30, 100, 500, 600, 1_000]
    trade = next(message for _, message in sent if message.stream == "btcusdt@trade")
    data = msgspec.json.decode(trade.payload)["data"]
    assert data["E"] == NOW // NANOS_PER_US + 30_000
    assert data["T"] == data["E"] - 1_000
    for at, message in sent:
        data = msgspec.json.decode(message.payload)["data"]
        assert data.get("E", 0) * NANOS_PER_US <= at


def test_at_another_speed_the_tape_clock_runs_faster() -> None:
    """Four times as fast: a quarter of every distance, between sendings and between event times."""
    sent = play(replay(speed=4), 2)

    assert [(at - NOW) // NANOS_PER_MS for at, _ in sent] == [0, 2, 7, 25, 125, 150, 250]
    depth = [m for _, m in sent if m.stream == "btcusdt@depth@100ms"]
    times = [msgspec.json.decode(m.payload)["data"]["E"] - NOW // NANOS_PER_US for m in depth]
    assert times == [0, 25_000, 150_000]


def test_as_fast_as_taken_waits_for_a_listener() -> None:
    """Nobody listens, nothing is played; then all is due at once, stamped with the present."""
    audience: list[str] = []
    market = replay(speed=0, audience=audience)
    assert market.next_at is None
    audience += STREAMS
    sent = play(market, 10)

    assert len(sent) == 7
    assert market.next_at is None
    stamps = {msgspec.json.decode(m.payload)["data"].get("E") for _, m in sent} - {None}
    assert stamps == {NOW // NANOS_PER_US}


def test_raw_frames_are_as_recorded() -> None:
    """Byte for byte, in every pass."""
    market = replay(is_raw=True, loop=True)
    recorded = tapes.payloads(tapes.short_tape())

    assert [m.payload for _, m in play(market, 2.1)] == recorded * 2


def test_only_what_is_listened_to_is_sent() -> None:
    """The book moves all the same."""
    market = replay(audience=["btcusdt@trade"])

    assert [m.stream for _, m in play(market, 2)] == ["btcusdt@trade"]
    assert market.depth("BTCUSDT", 10).last_update_id == 106


def test_the_depth_request_has_the_books_of_the_tape() -> None:
    """First the recorded snapshot, even ahead of the stream; then that book with every event."""
    market = replay()
    first = market.depth("BTCUSDT", 10)
    assert first.last_update_id == 103
    assert first.bids == [(fixed("100"), fixed("1")), (fixed("99"), fixed("5"))]
    play(market, 2)
    last = market.depth("BTCUSDT", 10)

    assert last.last_update_id == 106
    assert last.bids == [(fixed("100"), fixed("0.6")), (fixed("99"), fixed("5"))]
    assert last.asks[0] == (fixed("100.5"), fixed("1"))


def test_a_tape_without_a_snapshot_builds_its_book_from_events() -> None:
    """What has changed is known."""
    lines = [line for line in tapes.short_tape() if b"lastUpdateId" not in line]
    market = replay(lines=lines)
    assert market.depth("BTCUSDT", 10).bids == []
    play(market, 0.05)

    assert market.depth("BTCUSDT", 10).bids == [(fixed("100"), fixed("2"))]


def test_a_later_snapshot_replaces_an_older_book() -> None:
    """Where the recorder took a second one, it is the truth."""
    lines = [*tapes.short_tape(), tapes.snapshot(1_100, 107, '["98.00","3.0"]', '["98.50","1.0"]')]
    market = replay(lines=lines)
    play(market, 2)

    assert market.depth("BTCUSDT", 10).bids == [(fixed("98"), fixed("3"))]


def test_each_pass_goes_on_with_rising_ids_and_a_gap() -> None:
    """Update and trade ids never fall back; a client of the depth stream sees the seam."""
    market = replay(loop=True)
    sent = play(market, 2.5)

    tickers = [msgspec.json.decode(m.payload)["data"]["u"] for _, m in sent if "Ticker" in m.stream]
    assert tickers == sorted(set(tickers))
    trades = [trade_of(m.payload).trade_id for _, m in sent if m.stream == "btcusdt@trade"]
    assert trades == [500, 501, 502]
    diffs = [diff_of(m.payload) for _, m in sent if m.stream == "btcusdt@depth@100ms"]
    assert diffs[3].first_update_id > diffs[2].last_update_id + 1


def test_a_client_that_resyncs_at_the_seam_has_the_book() -> None:
    """After the gap, the next snapshot and the events after it fit again."""
    market = replay(loop=True)
    play(market, 1.101)
    client = PublishedBook(0)
    client.replace(market.depth("BTCUSDT", 100))
    for _, message in play(market, 2.05):
        if message.stream == "btcusdt@depth@100ms":
            diff = diff_of(message.payload)
            if diff.last_update_id > client.last_update_id:
                assert diff.first_update_id <= client.last_update_id + 1
                client.apply(diff)

    assert client.snapshot(100) == market.depth("BTCUSDT", 100)


def test_quotes_overrule_the_book_at_the_top() -> None:
    """A quote runs ahead of depth events: what is better than it is gone, what is older is late."""
    market = replay()
    play(market, 0.55)
    book = market.book("BTCUSDT")
    assert book.best_price(Side.SELL) == fixed("100.5")
    play(market, 2)

    assert book.best_price(Side.BUY) == fixed("98")
    assert book.best_price(Side.SELL) == fixed("98.5")


def test_a_depth_event_older_than_the_quote_does_not_touch_the_top() -> None:
    """It would bring back a level that the quote has shown to be gone."""
    lines = [
        tapes.ticker(0, 110, "100.00", "101.00"),
        tapes.depth(10, (105, 109), '["100.50","1.0"],["99.00","2.0"]', ""),
    ]
    market = replay(lines=lines)
    play(market, 1)

    assert market.book("BTCUSDT").best_price(Side.BUY) == fixed("100")
    assert market.book("BTCUSDT").visible_quantity(Side.BUY, fixed("99")) == fixed("2")


def test_what_a_client_takes_is_gone_for_it_until_the_tape_speaks() -> None:
    """The tape's frames and the depth request stay as they are."""
    market = replay()
    play(market, 0.05)
    book = market.book("BTCUSDT")
    events = book.match(Taker(Side.BUY, None, SCALE // 2))
    executions = [event for event in events if isinstance(event, Execution)]
    market.number_trades("BTCUSDT", executions, NOW)
    market.publish("BTCUSDT", NOW)

    assert market.take_messages() == []
    assert executions[0].trade_id == NOW // NANOS_PER_MS + 1
    assert book.visible_quantity(Side.SELL, fixed("101")) == SCALE // 2
    assert market.depth("BTCUSDT", 1).asks == [(fixed("101"), fixed("1"))]
    rest = [m.payload for _, m in play(market, 2)]
    assert rest == [m.payload for _, m in play(replay(), 2)][3:]


def test_a_resting_order_fills_when_the_tape_trades_beyond_its_queue() -> None:
    """At its own price, only what the public ahead of it leaves over."""
    lines = [
        tapes.ticker(0, 101, "100.00", "101.00"),
        tapes.trade(10, 500, "100.00", "0.40", is_sale=True),
        tapes.trade(20, 501, "100.00", "0.70", is_sale=True),
        tapes.trade(30, 502, "99.00", "5.00", is_sale=True),
    ]
    market = replay(lines=lines)
    market.step(NOW)
    order = bid("100", "0.5")
    market.book("BTCUSDT").rest(order)

    found = fills(market, 1)
    assert [(fill.price, fill.quantity) for fill in found] == [
        (fixed("100"), fixed("0.1")),
        (fixed("100"), fixed("0.4")),
    ]
    assert len({fill.trade_id for fill in found}) == 2


def test_a_resting_order_fills_when_the_quote_crosses_it() -> None:
    """The ask comes to our bid: we are the maker."""
    market = replay()
    play(market, 0.05)
    order = bid("100.9", "0.5")
    market.book("BTCUSDT").rest(order)

    found = fills(market, 0.6)
    assert [(fill.price, fill.quantity) for fill in found] == [(fixed("100.9"), fixed("0.5"))]


def test_a_resting_order_fills_at_the_seam_when_the_price_jumps() -> None:
    """The next pass begins elsewhere, which is a move like any other."""
    market = replay(loop=True)
    play(market, 1.05)
    ask = bid("99.5", "0.5")
    ask.side = Side.SELL
    market.book("BTCUSDT").rest(ask)

    assert [fill.quantity for fill in fills(market, 1.15)] == [fixed("0.5")]


def test_klines_are_made_of_the_tapes_trades() -> None:
    """At the moved times; the average price is theirs too. Raw tapes have none."""
    audience = [*STREAMS, "btcusdt@kline_1m"]
    sent = play(replay(audience=audience, loop=True), 2.05)
    (kline,) = [message for _, message in sent if "kline" in message.stream]
    data = msgspec.json.decode(kline.payload)["data"]["k"]
    assert (data["o"], data["v"], data["f"], data["L"]) == ("100.00000000", "0.80000000", 500, 501)

    market = replay(audience=audience, is_raw=True, loop=True)
    assert all("kline" not in m.stream for _, m in play(market, 3))
    assert market.reference_price("BTCUSDT", NOW + NANOS_PER_SECOND) == fixed("100")
    assert market.marks() == []
    assert list(market.listings) == ["BTCUSDT"]


def test_klines_go_on_while_a_tape_plays_as_fast_as_taken() -> None:
    """They follow the present, as the stamps do."""
    market = replay(speed=0, loop=True, audience=[*STREAMS, "btcusdt@kline_1s"])
    for _ in range(20):
        market.step(NOW)
    market.take_messages()
    market.step(NOW + 5 * NANOS_PER_SECOND)

    assert {m.stream for m in market.take_messages()} == {"btcusdt@kline_1s"}


def test_nothing_is_due_early() -> None:
    """A step before its time does nothing."""
    market = replay()
    market.step(NOW)
    market.take_messages()

    assert market.step(NOW + NANOS_PER_MS) == []
    assert market.take_messages() == []


def test_a_stalled_venue_goes_on_where_it_was() -> None:
    """The tape stands still with its venue: the spacing after the stall is the tape's."""
    market = replay()
    market.step(NOW)
    late = NOW + 60 * NANOS_PER_SECOND
    while (at := market.next_at) is not None and at < late:
        market.step(late)
    tickers = [m for m in market.take_messages() if m.stream == "btcusdt@bookTicker"]

    assert len(tickers) == 1
    assert top_of(tickers[0].payload).bid_price == fixed("100")


def test_nobody_trades_a_halted_symbol() -> None:
    """The tape moves on unseen; when trading is resumed, what it has come to is settled."""
    market = replay()
    play(market, 0.05)
    market.book("BTCUSDT").rest(bid("100.9", "0.5"))
    market.halt("BTCUSDT", is_halted=True)
    assert fills(market, 0.6) == []
    assert market.take_messages() == []

    market.halt("BTCUSDT", is_halted=False)
    assert [fill.quantity for fill in fills(market, 2)] == [fixed("0.5")]
    assert market.take_messages() != []


def test_the_tape_moves_with_the_clock() -> None:
    """Set forward or back, each frame comes as long after the last as it was recorded."""
    market = replay()
    market.step(NOW)
    first = market.next_at
    market.shift(-5 * NANOS_PER_SECOND)

    assert first is not None
    assert market.next_at == first - 5 * NANOS_PER_SECOND
