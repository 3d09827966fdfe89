"""Faults for a whole venue: by its admin call over HTTP, or by a schedule from its opening on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from genesis.config import Settings
from genesis.config_simulation import MarketSettings, VenueLimitSettings, VenueSettings
from genesis.engine.control import Failed
from genesis.errors import ConfigError
from genesis.limits import VENUE_FAULTS_MAX
from genesis.venue.request_faults import Answered, RequestLost
from genesis.venue.stream_faults import EventLost
from genesis.venue.venue_acts import ClockStepped, SymbolHalted
from tests.support.faults import AdminFaults, LocalFaults
from tests.support.raw_http import RawClient, raw_client
from tests.support.venue import api_client, at, each, model_config, open_venue
from tests.support.venue_orders import code_of, order, send_order, status_of
from tests.support.venue_run import VenueRun

MODEL = MarketSettings(instruments=2, rate=50)


@asynccontextmanager
async def admin_client(address: str) -> AsyncIterator[AdminFaults]:
    """Talk to a venue's admin call."""
    faults = AdminFaults(address.replace("ws:", "http:"))
    try:
        yield faults
    finally:
        await faults.close()


async def asked(client: RawClient, head: str, body: str = "") -> tuple[int, object]:
    """Send a request of the admin call; return status and document."""
    response = await client.ask(head, body.encode())
    return response.status, msgspec.json.decode(response.body)


async def test_a_fault_is_given_by_http_and_strikes() -> None:
    """It is in force when the call returns; the record says what it befell; cleared, it is over."""
    async with (
        open_venue(model_config(admin=True)) as (_, address),
        admin_client(address) as faults,
        api_client(address) as client,
    ):
        async with faults.during(RequestLost(method="order.place"), EventLost()) as numbers:
            await send_order(client, "lost")
            await client.log_on()
            await client.result("order.place", **order("found"))
            await faults.until_struck(numbers[0])
        assert code_of(await status_of(client, "lost")) == -2013
        record = await faults.record()
        assert [fault.state for fault in record.faults] == ["over", "over"]
        assert record.strikes[0].on == "ws order.place BTCUSDT lost"


async def test_what_is_no_fault_is_answered_with_a_remedy() -> None:
    """400, what is wrong and what would be right; nothing of its list is taken."""
    async with (
        open_venue(model_config(admin=True)) as (_, address),
        raw_client(address) as client,
    ):
        status, said = await asked(
            client,
            "POST /admin/faults",
            '[{"fault":"reply_lost"},{"fault":"reply_lost","methd":"ping"}]',
        )
        assert status == 400
        assert str(at(said, "error")).startswith(
            "[1]: reply_lost: Object contains unknown field `methd`; its fields are in_ms"
        )
        status, report = await asked(client, "GET /admin/faults")
        assert (status, report) == (200, {"faults": [], "strikes": []})


async def test_faults_are_cleared_by_number_or_all() -> None:
    """A number that nobody has is answered 400."""
    async with (
        open_venue(model_config(admin=True)) as (_, address),
        raw_client(address) as client,
        api_client(address) as api,
    ):
        halts = [{"fault": "symbol_halted", "symbol": name} for name in ("BTCUSDT", "ETHUSDT")]
        given = await asked(client, "POST /admin/faults", msgspec.json.encode(halts).decode())
        assert given == (201, {"numbers": [1, 2]})
        assert (await asked(client, "DELETE /admin/faults?number=9"))[0] == 400
        assert (await asked(client, "DELETE /admin/faults?number=x"))[0] == 400
        assert await asked(client, "DELETE /admin/faults?number=1") == (200, {})
        _, report = await asked(client, "GET /admin/faults")
        assert each(at(report, "faults"), "state") == ["over", "armed"]
        assert each(at(report, "faults"), "fault", "symbol") == ["BTCUSDT", "ETHUSDT"]
        assert await asked(client, "DELETE /admin/faults") == (200, {})
        info = await api.result("exchangeInfo")
        assert each(info["symbols"], "status") == ["TRADING"] * 3


async def test_names_that_the_venue_does_not_know_are_refused() -> None:
    """A fault that waits for them would wait for ever."""
    async with (
        open_venue(model_config(admin=True)) as (_, address),
        raw_client(address) as client,
    ):
        misspelt = '{"fault":"reply_lost","method":"order.plaice"}'
        status, said = await asked(client, "POST /admin/faults", misspelt)
        assert status == 400
        assert "no method is called 'order.plaice'; there are account." in str(at(said, "error"))


async def test_a_venue_holds_so_many_faults() -> None:
    """One too many is refused with what is left; none of that list is taken."""
    async with (
        open_venue(model_config(admin=True)) as (server, address),
        raw_client(address) as client,
    ):
        await LocalFaults(server).strike(*[RequestLost(method="myTrades")] * VENUE_FAULTS_MAX)
        status, said = await asked(client, "POST /admin/faults", '{"fault":"reply_lost"}')
        assert (status, at(said, "error")) == (
            400,
            "1 faults are too many: there is room for 0 more, clear some",
        )


async def test_there_is_no_admin_call_unless_it_was_asked_for() -> None:
    """By default its path leads nowhere."""
    async with open_venue(model_config()) as (_, address), raw_client(address) as client:
        assert (await client.ask("GET /admin/faults")).status == 404


async def test_a_schedule_begins_with_the_venue() -> None:
    """Its acts happen in their time; a fault that recurs strikes again and again."""
    schedule = (
        ClockStepped(step_ms=60_000, in_ms=5),
        Answered(code=-1008, method="ping", every_ms=3),
    )
    async with (
        open_venue(model_config(schedule=schedule)) as (server, address),
        api_client(address) as client,
    ):
        faults = LocalFaults(server)
        await faults.until_struck(1)
        overloads = 0
        while overloads < 5:
            overloads += (await client.call("ping"))["status"] == 503
        struck = {fault.number: fault.struck for fault in (await faults.record()).faults}
        assert struck == {1: 1, 2: 5}


async def test_a_venue_does_not_open_with_a_schedule_it_cannot_play() -> None:
    """ConfigError, before anybody can connect."""
    schedule = (ClockStepped(step_ms=1, in_ms=1), SymbolHalted(symbol="BTCUSD"))
    with pytest.raises(ConfigError, match=r"schedule of faults: .*'BTCUSD' is not listed"):
        async with open_venue(model_config(schedule=schedule)):
            pass


async def test_settings_reach_the_venue_process(tmp_path: Path) -> None:
    """Its schedule is played, its admin call answers, its limits are told."""
    schedule = tmp_path / "faults.json"
    schedule.write_text('[{"fault":"symbol_halted","symbol":"BTCUSDT"}]')
    venue = VenueSettings(
        admin=True, schedule=schedule, limits=VenueLimitSettings(weight=1_000, weight_window_s=2)
    )
    settings = Settings(state_dir=tmp_path, market=MODEL, venue=venue)
    async with VenueRun(settings, tmp_path) as run:
        run.start()
        address = await run.address()
        async with admin_client(address) as faults, api_client(address) as client:
            info = await client.result("exchangeInfo", symbol="BTCUSDT")
            assert each(info["symbols"], "status") == ["HALT"]
            assert each(info["rateLimits"], "limit")[0] == 1_000
            assert at(info["rateLimits"], 0, "interval") == "SECOND"
            async with faults.during(Answered(code=-1008, method="ping")):
                assert (await client.call("ping"))["status"] == 503


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "No such file"), ("[{}]", "[0]: "), ('{"fault":"nothing"}', "no fault is called")],
)
async def test_a_schedule_that_cannot_be_read_is_one_clear_line(
    tmp_path: Path, content: str | None, message: str
) -> None:
    """Exit 78, with the file and what is wrong in it."""
    schedule = tmp_path / "faults.json"
    if content is not None:
        schedule.write_text(content)
    settings = Settings(state_dir=tmp_path, market=MODEL, venue=VenueSettings(schedule=schedule))
    async with VenueRun(settings, tmp_path) as run:
        run.start()
        return_code, said = await run.end()
    assert return_code == 78
    assert isinstance(said[-1], Failed)
    assert str(schedule) in said[-1].message
    assert message in said[-1].message
