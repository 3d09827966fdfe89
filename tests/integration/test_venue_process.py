"""The simulated venue as a child process: it opens, is killed, comes back, refuses, ends."""

import socket
from pathlib import Path

import pytest

from genesis.config import Settings
from genesis.config_simulation import MarketSettings, VenueSettings
from genesis.engine.control import Failed, Stopped
from tests.support.tapes import short_tape, write_tape
from tests.support.venue import api_client, each, now_ms
from tests.support.venue_run import VenueRun

MODEL = MarketSettings(instruments=2, rate=50)
BUY_PAIR = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "quantity": "0.01",
    "aboveType": "STOP_LOSS",
    "aboveStopPrice": "200000",
    "belowType": "LIMIT_MAKER",
    "belowPrice": "40000",
}


async def test_a_killed_venue_comes_back_with_its_books(tmp_path: Path) -> None:
    """What it said before kill -9 is on record: order and pair are open, the balance the same."""
    settings = Settings(state_dir=tmp_path, market=MODEL)
    async with VenueRun(settings, tmp_path) as run:
        run.start()
        async with api_client(await run.address()) as client:
            await client.log_on()
            order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
            placed = await client.result(
                "order.place", **order, price="40000", quantity="0.1", timestamp=now_ms()
            )
            pair = await client.result("orderList.place.oco", **BUY_PAIR, timestamp=now_ms())
            run.kill()
        assert (await run.end())[0] == -9

        run.start()
        async with api_client(await run.address()) as client:
            await client.log_on()
            found = await client.result(
                "order.status", symbol="BTCUSDT", orderId=placed["orderId"], timestamp=now_ms()
            )
            assert found["status"] == "NEW"
            listed = await client.result(
                "orderList.status", orderListId=pair["orderListId"], timestamp=now_ms()
            )
            assert (listed["listOrderStatus"], listed["orders"]) == ("EXECUTING", pair["orders"])
            account = await client.result("account.status", timestamp=now_ms())
            assert account["balances"] == [
                {"asset": "USDT", "free": "94000.00000000", "locked": "6000.00000000"}
            ]
        run.stop()
        return_code, said = await run.end()
        assert return_code == 0
        assert isinstance(said[-1], Stopped)


async def test_a_tape_is_played(tmp_path: Path) -> None:
    """Its instruments are those of the tape."""
    path = write_tape(tmp_path / "tape.ndjson", short_tape())
    market = MarketSettings(source="replay", path=path)
    async with VenueRun(Settings(state_dir=tmp_path, market=market), tmp_path) as run:
        run.start()
        async with api_client(await run.address()) as client:
            info = await client.result("exchangeInfo")
            assert each(info["symbols"], "symbol") == ["BTCUSDT"]
        run.stop()
        assert (await run.end())[0] == 0


@pytest.mark.parametrize(
    ("content", "message"), [(b"", "the file is empty"), (b"garbage\n", "tape.ndjson:1: it does")]
)
async def test_a_bad_tape_is_one_clear_line(tmp_path: Path, content: bytes, message: str) -> None:
    """Exit 78, file and line named."""
    path = write_tape(tmp_path / "tape.ndjson", [content])
    market = MarketSettings(source="replay", path=path)
    async with VenueRun(Settings(state_dir=tmp_path, market=market), tmp_path) as run:
        run.start()
        return_code, said = await run.end()
    assert return_code == 78
    assert isinstance(said[-1], Failed)
    assert message in said[-1].message


async def test_a_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    """Exit 71, port and remedy named."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = Settings(state_dir=tmp_path, market=MODEL, venue=VenueSettings(port=port))
        async with VenueRun(settings, tmp_path) as run:
            run.start()
            return_code, said = await run.end()
    assert return_code == 71
    assert isinstance(said[-1], Failed)
    assert f"port {port}" in said[-1].message
    assert "venue.port" in said[-1].message


async def test_a_venue_without_a_key_does_not_open(tmp_path: Path) -> None:
    """Nobody could trade on it."""
    async with VenueRun(Settings(state_dir=tmp_path, market=MODEL), tmp_path) as run:
        run.start(with_key=False)
        assert (await run.end())[0] == 78


async def test_a_ledger_that_cannot_be_opened_is_one_clear_line(tmp_path: Path) -> None:
    """Exit 74, the file named."""
    settings = Settings(
        state_dir=tmp_path, market=MODEL, venue=VenueSettings(ledger=tmp_path / "no" / "v.db")
    )
    async with VenueRun(settings, tmp_path) as run:
        run.start()
        return_code, said = await run.end()
    assert return_code == 74
    assert isinstance(said[-1], Failed)
    assert "v.db" in said[-1].message
