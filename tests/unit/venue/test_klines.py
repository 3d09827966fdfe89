"""`genesis.venue.klines`: intervals of trading, and the average price."""

import msgspec
import pytest

from genesis.units import NANOS_PER_MS, SCALE, notional
from genesis.venue.klines import DAY_MS, MINUTE_MS, KlineDesk, interval_bounds, kline_name
from genesis.venue.stream_payloads import KlineName, PublicTrade, StreamMessage

T0 = 1_722_988_800_000  # Wednesday, 2024-08-07, midnight UTC


def trade(
    at_ms: int, price: int, quantity: int = 1, trade_id: int = 1, *, is_sale: bool = False
) -> PublicTrade:
    """Return a trade at a whole price."""
    return PublicTrade(
        "AUSDT", trade_id, price * SCALE, quantity * SCALE, at_ms * NANOS_PER_MS, is_sale
    )


def told(messages: list[StreamMessage]) -> list[tuple[str, int, bool, str]]:
    """Return stream, open time in ms, closed flag and close price of each message."""
    rows = [(row.stream, msgspec.json.decode(row.payload)["data"]["k"]) for row in messages]
    return [(stream, k["t"] // 1000, k["x"], k["c"]) for stream, k in rows]


@pytest.mark.parametrize(
    ("interval", "open_ms", "length_ms"),
    [
        ("1s", T0 + 1_000, 1_000),
        ("1m", T0, MINUTE_MS),
        ("1d", T0, DAY_MS),
        ("1w", T0 - 2 * DAY_MS, 7 * DAY_MS),
        ("1M", T0 - 6 * DAY_MS, 31 * DAY_MS),
    ],
)
def test_intervals_are_those_of_the_calendar(interval: str, open_ms: int, length_ms: int) -> None:
    """Weeks begin on Monday, months on the first, all in UTC."""
    assert interval_bounds(interval, T0 + 1_500) == (open_ms, open_ms + length_ms - 1)


def test_december_is_followed_by_january() -> None:
    """A month's end in the next year."""
    assert interval_bounds("1M", 1_735_603_200_000)[1] == 1_735_689_600_000 - 1


@pytest.mark.parametrize(
    ("stream", "name"),
    [
        ("ausdt@kline_1m", KlineName("ausdt@kline_1m", "AUSDT", "1m")),
        ("ausdt@kline_7m", None),
        ("ausdt@trade", None),
    ],
)
def test_stream_names(stream: str, name: KlineName | None) -> None:
    """Only known intervals are kline streams."""
    assert kline_name(stream) == name


def test_an_interval_sums_its_trades() -> None:
    """Open, high, low, close, volumes, ids and the takers' buying."""
    desk = KlineDesk()
    desk.add(trade(T0 + 10, 100, 2, 7))
    desk.add(trade(T0 + 20, 120, 1, 8, is_sale=True))
    desk.add(trade(T0 + 30, 90, 1, 9))
    (message,) = desk.tick(T0 + 2_000, ["ausdt@kline_1m"])

    kline = msgspec.json.decode(message.payload)["data"]["k"]
    assert [kline[key] for key in "ohlc"] == [f"{price}.00000000" for price in (100, 120, 90, 90)]
    assert (kline["v"], kline["V"], kline["n"]) == ("4.00000000", "3.00000000", 3)
    assert (kline["q"], kline["Q"]) == ("410.00000000", "290.00000000")
    assert (kline["f"], kline["L"], kline["x"]) == (7, 9, False)


def test_intervals_are_sent_on_time_and_when_they_close() -> None:
    """Every second those of a second, every two the others; each closed one once."""
    desk = KlineDesk()
    desk.add(trade(T0 + 58_500, 100))
    wanted = ["ausdt@kline_1s", "ausdt@kline_1m", "busdt@kline_1m", "ausdt@trade"]

    assert told(desk.tick(T0 + 59_000, wanted)) == [
        ("ausdt@kline_1s", T0 + 59_000, False, "100.00000000")
    ]
    desk.add(trade(T0 + 59_500, 105))
    assert told(desk.tick(T0 + 60_000, wanted)) == [
        ("ausdt@kline_1s", T0 + 59_000, True, "105.00000000"),
        ("ausdt@kline_1s", T0 + 60_000, False, "105.00000000"),
        ("ausdt@kline_1m", T0, True, "105.00000000"),
        ("ausdt@kline_1m", T0 + 60_000, False, "105.00000000"),
    ]
    assert told(desk.tick(T0 + 61_000, ["ausdt@kline_1m"])) == []


def test_a_trade_after_the_end_closes_the_interval() -> None:
    """It belongs to the next one."""
    desk = KlineDesk()
    desk.add(trade(T0, 100))
    desk.add(trade(T0 + MINUTE_MS, 200))

    assert told(desk.tick(T0 + MINUTE_MS + 1_000, ["ausdt@kline_1m"])) == [
        ("ausdt@kline_1m", T0, True, "100.00000000")
    ]


def test_a_longer_interval_is_made_of_the_known_minutes() -> None:
    """Whoever comes late finds what was traded since the interval began."""
    desk = KlineDesk()
    for minute in range(7):
        desk.add(trade(T0 + minute * MINUTE_MS, 100 + minute))
        desk.tick(T0 + minute * MINUTE_MS + 1_000, [])
    (message,) = desk.tick(T0 + 6 * MINUTE_MS + 2_000, ["ausdt@kline_5m"])
    kline = msgspec.json.decode(message.payload)["data"]["k"]

    assert (kline["t"], kline["o"], kline["c"], kline["n"]) == (
        (T0 + 5 * MINUTE_MS) * 1000,
        "105.00000000",
        "106.00000000",
        2,
    )


def test_a_silent_interval_repeats_the_last_price() -> None:
    """No trades, no volume, ids -1."""
    desk = KlineDesk()
    desk.add(trade(T0, 100))
    desk.tick(T0 + MINUTE_MS, [])
    (message,) = desk.tick(T0 + MINUTE_MS + 2_000, ["ausdt@kline_1m"])
    kline = msgspec.json.decode(message.payload)["data"]["k"]

    assert (kline["o"], kline["v"], kline["f"], kline["n"]) == ("100.00000000", "0.00000000", -1, 0)


def test_average_price_weighs_by_volume() -> None:
    """Of the last minutes; without volume the last price, before any trade 0."""
    desk = KlineDesk()
    assert desk.average_price("AUSDT", 5, T0) == 0
    assert desk.last_price("AUSDT") == 0
    desk.add(trade(T0, 1_000, 50))
    for minute in (6, 7):
        desk.tick(T0 + minute * MINUTE_MS, [])
        desk.add(trade(T0 + minute * MINUTE_MS, 100 * minute, minute))
    expected = (notional(600 * SCALE, 6 * SCALE) + notional(700 * SCALE, 7 * SCALE)) // 13

    assert desk.average_price("AUSDT", 5, T0 + 8 * MINUTE_MS) == expected
    assert desk.average_price("AUSDT", 5, T0 + 60 * MINUTE_MS) == 700 * SCALE
    assert desk.last_price("AUSDT") == 700 * SCALE


def test_intervals_are_made_of_what_is_kept() -> None:
    """Minutes of trades and silence make hours, trades make seconds; silence changes no sum."""
    desk = KlineDesk()
    desk.add(trade(T0 + 1_000, 10, 2, 1))
    desk.add(trade(T0 + 1_999, 12, 1, 2))
    desk.tick(T0 + 2 * MINUTE_MS, ())
    desk.add(trade(T0 + 3_600_000, 11, 1, 3))

    (first, second) = desk.intervals("AUSDT", "1h")
    assert (first.open_ms, first.close_ms) == (T0, T0 + 3_599_999)
    assert (first.volume, first.trade_count) == (3 * SCALE, 2)
    assert (first.first_trade_id, first.last_trade_id) == (1, 2)
    assert (first.open_price, first.close_price) == (10 * SCALE, 12 * SCALE)
    assert (second.open_ms, second.trade_count) == (T0 + 3_600_000, 1)
    seconds = desk.intervals("AUSDT", "1s")
    assert [(row.open_ms, row.trade_count) for row in seconds] == [
        (T0 + 1_000, 2),
        (T0 + 3_600_000, 1),
    ]
    assert desk.intervals("BUSDT", "1m") == []


def test_asking_takes_nothing_from_the_streams() -> None:
    """A minute that is over is told on its stream, whoever asked for it before."""
    desk = KlineDesk()
    desk.add(trade(T0, 10))
    desk.add(trade(T0 + MINUTE_MS, 11))
    assert [row.open_ms for row in desk.intervals("AUSDT", "1m")] == [T0, T0 + MINUTE_MS]

    messages = desk.tick(T0 + MINUTE_MS + 2_000, ["ausdt@kline_1m"])
    assert [row[1:3] for row in told(messages)] == [(T0, True), (T0 + MINUTE_MS, False)]
