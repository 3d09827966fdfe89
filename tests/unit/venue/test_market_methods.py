"""`genesis.venue.market_methods`: what anybody may ask, and what it weighs."""

import pytest

from genesis.domain.orders import Side
from genesis.units import NANOS_PER_MS, SCALE
from genesis.venue.stream_payloads import PublicTrade
from tests.support.venue_session import NOW_MS, SessionClient, client_at_a_market, refusal


@pytest.fixture
def client() -> SessionClient:
    """Return a client at a market of one bitcoin a side."""
    return client_at_a_market()


def weight(client: SessionClient, method: str, parameters: dict[str, object]) -> int:
    """Return what a call weighs."""
    before = client.desk.weight.entry(NOW_MS).count
    client.call(method, parameters)
    return client.desk.weight.entry(NOW_MS).count - before


def trade(
    client: SessionClient, at_ms: int, price: int, *, trade_id: int = 1, quantity: int = 1
) -> None:
    """Let the public trade at a whole price, a buyer taking."""
    client.floor.market.klines.add(
        PublicTrade(
            "BTCUSDT",
            trade_id,
            price * SCALE,
            quantity * SCALE,
            traded_at=at_ms * NANOS_PER_MS,
            buyer_is_maker=False,
        )
    )


def test_ping_and_time(client: SessionClient) -> None:
    """Anybody may ask; the id comes back as it was sent."""
    assert client.send(b'{"id":null,"method":"ping"}') == {
        "id": None,
        "status": 200,
        "result": {},
        "rateLimits": [
            {
                "rateLimitType": "REQUEST_WEIGHT",
                "interval": "MINUTE",
                "intervalNum": 1,
                "limit": 6000,
                "count": 3,
            }
        ],
    }
    assert client.call("v3/time")["result"] == {"serverTime": NOW_MS}


@pytest.mark.parametrize(
    ("parameters", "symbols"),
    [
        ({}, ["BTCUSDT", "ETHUSDT"]),
        ({"symbol": "ETHUSDT"}, ["ETHUSDT"]),
        ({"symbols": ["ETHUSDT", "BTCUSDT"]}, ["ETHUSDT", "BTCUSDT"]),
        ({"symbols": '["BTCUSDT"]'}, ["BTCUSDT"]),
    ],
)
def test_exchange_info_of_some_or_all(
    client: SessionClient, parameters: dict[str, object], symbols: list[str]
) -> None:
    """Arrays may come as arrays or as their text."""
    result = client.call("exchangeInfo", parameters)["result"]

    assert isinstance(result, dict)
    assert [row["symbol"] for row in result["symbols"]] == symbols


@pytest.mark.parametrize(
    ("parameters", "code", "text"),
    [
        ({"symbol": "NOPE"}, -1121, "Invalid symbol."),
        (
            {"symbol": "A", "symbols": ["B"]},
            -1128,
            "Combination of optional parameters invalid.",
        ),
    ],
)
def test_exchange_info_refusals(
    client: SessionClient, parameters: dict[str, object], code: int, text: str
) -> None:
    """Unknown symbols and double wishes."""
    assert refusal(client.call("exchangeInfo", parameters)) == (400, code, text)


def test_depth_is_cut_to_its_limit(client: SessionClient) -> None:
    """Best levels first, prices and quantities as text of eight decimals."""
    client.floor.market.offer("BTCUSDT", Side.BUY, "59999", "2")

    assert client.call("depth", {"symbol": "BTCUSDT", "limit": 1})["result"] == {
        "lastUpdateId": 7,
        "bids": [["60000.00000000", "1.00000000"]],
        "asks": [["60010.00000000", "1.00000000"]],
    }
    assert refusal(client.call("depth", {"symbol": "BTCUSDT", "limit": 0}))[1] == -1130


@pytest.mark.parametrize(
    ("method", "parameters", "wanted"),
    [
        ("depth", {"symbol": "BTCUSDT", "limit": 100}, 5),
        ("depth", {"symbol": "BTCUSDT", "limit": 101}, 25),
        ("depth", {"symbol": "BTCUSDT", "limit": 501}, 50),
        ("depth", {"symbol": "BTCUSDT", "limit": 1_001}, 250),
        ("depth", {"symbol": "BTCUSDT", "limit": 9_999}, 250),
        ("trades.recent", {"symbol": "BTCUSDT"}, 25),
        ("klines", {"symbol": "BTCUSDT", "interval": "1m"}, 2),
        ("avgPrice", {"symbol": "BTCUSDT"}, 2),
        ("ticker.price", {"symbol": "BTCUSDT"}, 2),
        ("ticker.price", {}, 4),
        ("ticker.book", {"symbols": ["BTCUSDT"]}, 4),
        ("ticker.24hr", {"symbol": "BTCUSDT"}, 2),
        ("ticker.24hr", {"symbols": ["BTCUSDT"] * 20}, 2),
        ("ticker.24hr", {"symbols": ["BTCUSDT"] * 21}, 40),
        ("ticker.24hr", {"symbols": ["BTCUSDT"] * 101}, 80),
        ("ticker.24hr", {}, 80),
    ],
)
def test_weights(
    client: SessionClient, method: str, parameters: dict[str, object], wanted: int
) -> None:
    """As documented: by how much is asked for."""
    assert weight(client, method, parameters) == wanted


def test_recent_trades_are_the_newest_oldest_first(client: SessionClient) -> None:
    """As many as are wanted."""
    for number in range(3):
        trade(client, NOW_MS + number, 60_000 + number, trade_id=number)

    result = client.call("trades.recent", {"symbol": "BTCUSDT", "limit": 2})["result"]
    assert result == [
        {
            "id": number,
            "price": f"{60_000 + number}.00000000",
            "qty": "1.00000000",
            "quoteQty": f"{60_000 + number}.00000000",
            "time": NOW_MS + number,
            "isBuyerMaker": False,
            "isBestMatch": True,
        }
        for number in (1, 2)
    ]
    assert client.call("trades.recent", {"symbol": "ETHUSDT"})["result"] == []


def test_the_average_price_is_that_of_the_filters(client: SessionClient) -> None:
    """With the time of the last trade."""
    client.floor.market.average["BTCUSDT"] = 60_005 * SCALE
    trade(client, NOW_MS - 5, 60_010)

    assert client.call("avgPrice", {"symbol": "BTCUSDT"})["result"] == {
        "mins": 5,
        "price": "60005.00000000",
        "closeTime": NOW_MS - 5,
    }


# Klines.

MINUTE = NOW_MS - NOW_MS % 60_000


def klines(client: SessionClient, **parameters: object) -> object:
    """Return the klines of BTCUSDT by the minute, or as the parameters say."""
    parameters = {"symbol": "BTCUSDT", "interval": "1m", **parameters}
    return client.call("klines", parameters)["result"]


def test_klines_are_arrays(client: SessionClient) -> None:
    """Open time, prices, volume, close time, and what takers bought; the last may be open."""
    trade(client, MINUTE + 1, 60_000, quantity=2)
    trade(client, MINUTE + 2, 60_002)

    assert klines(client) == [
        [
            MINUTE,
            "60000.00000000",
            "60002.00000000",
            "60000.00000000",
            "60002.00000000",
            "3.00000000",
            MINUTE + 59_999,
            "180002.00000000",
            2,
            "3.00000000",
            "180002.00000000",
            "0",
        ]
    ]
    assert client.call("uiKlines", {"symbol": "BTCUSDT", "interval": "1m"})["result"] == klines(
        client
    )


@pytest.mark.parametrize(
    ("parameters", "minutes"),
    [
        ({}, [0, 1, 2, 3]),
        ({"limit": 2}, [2, 3]),
        ({"startTime": MINUTE + 60_000, "limit": 2}, [1, 2]),
        ({"endTime": MINUTE + 60_000}, [0, 1]),
        ({"endTime": (MINUTE + 60_000) * 1_000, "limit": 1}, [1]),
        ({"startTime": MINUTE + 1, "endTime": MINUTE + 130_000}, [1, 2]),
    ],
    ids=["all", "newest", "from a start", "up to an end", "in microseconds", "between"],
)
def test_klines_within_times(
    client: SessionClient, parameters: dict[str, object], minutes: list[int]
) -> None:
    """The newest without a start, the oldest from a start on; always oldest first."""
    for number in range(4):
        trade(client, MINUTE + number * 60_000, 60_000)

    result = klines(client, **parameters)
    assert isinstance(result, list)
    assert [row[0] for row in result] == [MINUTE + number * 60_000 for number in minutes]


def test_klines_of_another_time_zone(client: SessionClient) -> None:
    """Their days begin at its midnight."""
    trade(client, NOW_MS, 60_000)
    for zone, shift_hours in (("0", 0), ("+8:00", 8), ("-1:00", -1)):
        result = klines(client, interval="1d", timeZone=zone)
        assert isinstance(result, list)
        assert (result[0][0] + shift_hours * 3_600_000) % 86_400_000 == 0
        assert result[0][0] <= NOW_MS <= result[0][6]


@pytest.mark.parametrize(
    ("parameters", "code", "text"),
    [
        ({"interval": "7m"}, -1120, "Invalid interval."),
        ({"timeZone": "east"}, -1130, "Data sent for parameter 'timeZone' is not valid."),
        ({"timeZone": "15"}, -1130, "Data sent for parameter 'timeZone' is not valid."),
        ({"limit": 0}, -1130, "Data sent for parameter 'limit' is not valid."),
        ({"startTime": "x"}, -1100, None),
    ],
)
def test_kline_refusals(
    client: SessionClient, parameters: dict[str, object], code: int, text: str | None
) -> None:
    """Malformed wishes."""
    wish = {"symbol": "BTCUSDT", "interval": "1m", **parameters}
    told = refusal(client.call("klines", wish))

    assert told[1] == code
    assert text is None or told[2] == text


# Tickers.


def test_the_book_ticker_is_the_top_of_the_book(client: SessionClient) -> None:
    """An object for one symbol, an array for several or all; an empty side is zero."""
    wanted = {
        "symbol": "BTCUSDT",
        "bidPrice": "60000.00000000",
        "bidQty": "1.00000000",
        "askPrice": "60010.00000000",
        "askQty": "1.00000000",
    }
    nothing = dict.fromkeys(wanted, "0.00000000") | {"symbol": "ETHUSDT"}

    assert client.call("ticker.book", {"symbol": "BTCUSDT"})["result"] == wanted
    assert client.call("ticker.book", {"symbols": ["BTCUSDT"]})["result"] == [wanted]
    assert client.call("ticker.book")["result"] == [wanted, nothing]
    assert refusal(client.call("ticker.book", {"symbol": "NOPE"}))[1] == -1121


def test_the_price_ticker_is_the_last_trade(client: SessionClient) -> None:
    """Zero before the first."""
    trade(client, NOW_MS, 60_000)

    assert client.call("ticker.price")["result"] == [
        {"symbol": "BTCUSDT", "price": "60000.00000000"},
        {"symbol": "ETHUSDT", "price": "0.00000000"},
    ]


def test_the_day_ticker_sums_24_hours(client: SessionClient) -> None:
    """What was traded before does not count."""
    day_ms = 86_400_000
    trade(client, NOW_MS - day_ms - 60_000, 1, trade_id=1)
    trade(client, NOW_MS - day_ms + 60_000, 60_000, trade_id=2)
    trade(client, NOW_MS - 60_000, 50_000, trade_id=3, quantity=3)
    trade(client, NOW_MS, 57_000, trade_id=4)

    whole = client.call("ticker.24hr", {"symbol": "BTCUSDT"})["result"]
    assert whole == {
        "symbol": "BTCUSDT",
        "priceChange": "-3000.00000000",
        "priceChangePercent": "-5.000",
        "weightedAvgPrice": "53400.00000000",
        "prevClosePrice": "60000.00000000",
        "lastPrice": "57000.00000000",
        "lastQty": "1.00000000",
        "bidPrice": "60000.00000000",
        "bidQty": "1.00000000",
        "askPrice": "60010.00000000",
        "askQty": "1.00000000",
        "openPrice": "60000.00000000",
        "highPrice": "60000.00000000",
        "lowPrice": "50000.00000000",
        "volume": "5.00000000",
        "quoteVolume": "267000.00000000",
        "openTime": NOW_MS - day_ms,
        "closeTime": NOW_MS,
        "firstId": 2,
        "lastId": 4,
        "count": 3,
    }
    mini = client.call("ticker.24hr", {"symbol": "BTCUSDT", "type": "MINI"})["result"]
    assert isinstance(mini, dict)
    assert mini.items() < whole.items()
    assert "bidPrice" not in mini
    told = refusal(client.call("ticker.24hr", {"symbol": "BTCUSDT", "type": "HUGE"}))
    assert told[1] == -1130


def test_a_symbol_that_did_not_trade_has_an_empty_day(client: SessionClient) -> None:
    """No division by nothing."""
    result = client.call("ticker.24hr", {"symbols": ["ETHUSDT"], "type": "MINI"})["result"]

    assert isinstance(result, list)
    assert (result[0]["lastPrice"], result[0]["count"]) == ("0.00000000", 0)
