"""Which child gets which end of which link."""

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from genesis.clock import EngineClock
from genesis.domain.instruments import InstrumentCatalogue
from genesis.engine.boot import PARENT_BOARD_PAGE, BootSpec
from genesis.engine.run_plan import RunPlan
from genesis.engine.state_directory import StateDirectory
from genesis.engine.wiring import Wiring, seats_of
from genesis.errors import ChildFailed
from genesis.exchange.endpoints import Endpoints
from tests.support.stand_in_engine import stand_in_settings, surroundings


@pytest.fixture
def plan(tmp_path: Path) -> Iterator[RunPlan]:
    """Yield a plan that knows the venue and the market."""
    settings = stand_in_settings(tmp_path / "state")
    state = StateDirectory(settings.state_dir)
    state.prepare()
    state.next_epoch()  # the parent's own
    wiring = Wiring(settings, pages=1 + len(seats_of(settings)))
    plan = RunPlan(settings, state, wiring, EngineClock(5), log_fd=2)
    outside = surroundings()
    plan.learn_venue({"port": 4711})
    instruments = outside.fetch_instruments(plan.endpoints, None, 1)
    catalogue = InstrumentCatalogue(instruments)
    plan.learn_market(
        instruments, outside.plan_shards(settings, catalogue, state.number_strategies)
    )
    yield plan
    wiring.close()


def specs(plan: RunPlan) -> dict[str, BootSpec]:
    """Write the document of every seat."""
    return {seat.name: plan.spec_for(seat) for seat in seats_of(plan.settings)}


def test_every_seat_has_its_own_page_and_none_has_the_parents(plan: RunPlan) -> None:
    """A page has one writer."""
    pages = [spec.board_page for spec in specs(plan).values()]
    assert sorted([PARENT_BOARD_PAGE, *pages]) == list(range(plan.wiring.board.pages))


def test_no_link_has_two_writers(plan: RunPlan) -> None:
    """Only the feed can write the market, only the executor reports, only a worker its signals."""
    told = specs(plan)

    def writers(descriptor: int) -> list[str]:
        return [name for name, spec in told.items() if descriptor in spec.descriptors()]

    feed, executor, worker = told["feed"], told["executor"], told["worker-1"]
    assert feed.market_ring is not None
    assert executor.report_ring is not None
    assert writers(feed.market_ring.ring_fd) == ["feed"]
    assert writers(executor.report_ring.ring_fd) == ["executor"]
    assert writers(worker.signal_rings[0].ring_fd) == ["worker-1"]
    assert told["venue"].market_ring is None
    assert told["venue"].quote_table_fd == -1


def test_workers_read_as_themselves(plan: RunPlan) -> None:
    """Each worker is a reader of its own, so that none moves another's cursor."""
    told = specs(plan)
    assert [told[f"worker-{n}"].market_reader for n in (0, 1)] == [0, 1]
    assert [told[f"worker-{n}"].report_reader for n in (0, 1)] == [0, 1]
    assert len(told["executor"].signal_rings) == 2
    assert told["feed"].market_reader is None


def test_the_roster_is_dealt_out_and_the_executor_knows_it_all(plan: RunPlan) -> None:
    """A worker is told its shard, the executor everything, the others nothing."""
    told = specs(plan)
    shards = [told["worker-0"].strategies, told["worker-1"].strategies]
    assert [len(shard) for shard in shards] == [2, 2]
    assert told["executor"].strategies == shards[0] + shards[1]
    assert told["feed"].strategies == told["venue"].strategies == ()


def test_every_life_has_a_new_epoch_and_the_same_links(plan: RunPlan) -> None:
    """A successor is told what its predecessor was told, but for the epoch."""
    seat = seats_of(plan.settings)[-1]
    first, second = plan.spec_for(seat), plan.spec_for(seat)
    assert second.epoch > first.epoch
    assert msgspec.structs.replace(second, epoch=first.epoch) == first


def test_a_restarted_venue_comes_back_to_its_port(plan: RunPlan) -> None:
    """Children reconnect to where it was; only the venue's own settings name the port."""
    told = specs(plan)
    ports = {
        name: msgspec.json.decode(spec.settings)["venue"]["port"] for name, spec in told.items()
    }
    assert ports.pop("venue") == 4711
    assert set(ports.values()) == {0}
    assert told["feed"].endpoints is not None
    assert told["feed"].endpoints == Endpoints(
        streams_url="ws://127.0.0.1:4711/stream",
        ws_api_url="ws://127.0.0.1:4711/ws-api/v3",
        rest_url="http://127.0.0.1:4711/api/v3",
    )


def test_a_simulated_venue_is_asked_for_the_unit_of_time_too(plan: RunPlan, tmp_path: Path) -> None:
    """As one that is not ours."""
    settings = stand_in_settings(tmp_path)
    exchange = settings.exchange.model_copy(update={"time_unit": "microsecond"})
    settings = settings.model_copy(update={"exchange": exchange})
    other = RunPlan(settings, plan.state, plan.wiring, plan.clock, log_fd=2)
    other.learn_venue({"port": 1})
    assert other.endpoints.ws_api_url.endswith("/ws-api/v3?timeUnit=MICROSECOND")
    assert other.endpoints.time_unit == "microsecond"


def test_a_real_venue_has_no_seat(tmp_path: Path) -> None:
    """Nobody starts it, and nobody of ours plays it; pages are dealt as if it never was."""
    settings = stand_in_settings(tmp_path).model_copy(update={"mode": "demo"})
    seats = seats_of(settings)
    assert [seat.name for seat in seats] == [
        *("executor", "feed", "recorder", "worker-0", "worker-1"),
    ]
    assert [seat.board_page for seat in seats] == [1, 2, 3, 4, 5]


def test_only_the_venue_is_told_who_may_trade(plan: RunPlan) -> None:
    """It is the public half; nobody else needs it, and the private one is in no document."""
    told = specs(plan)
    assert told["venue"].trading_key == plan.state.sim_trading_key()
    assert all(spec.trading_key is None for name, spec in told.items() if name != "venue")


def test_an_address_of_six_is_bracketed(plan: RunPlan, tmp_path: Path) -> None:
    """`::1` is a loopback address like any other."""
    settings = stand_in_settings(tmp_path)
    venue = settings.venue.model_copy(update={"host": "::1"})
    settings = settings.model_copy(update={"venue": venue})
    other = RunPlan(settings, plan.state, plan.wiring, plan.clock, log_fd=2)
    other.learn_venue({"port": 1})
    assert other.endpoints.ws_api_url == "ws://[::1]:1/ws-api/v3"
    with pytest.raises(ChildFailed):
        other.learn_venue({"port": "1"})


def test_the_market_is_named_for_people(plan: RunPlan, tmp_path: Path) -> None:
    """The model by its name, a tape by its file's."""
    assert plan.market_name == "model"
    market = plan.settings.market.model_copy(
        update={"source": "replay", "path": tmp_path / "btc.gz"}
    )
    settings = plan.settings.model_copy(update={"market": market})
    other = RunPlan(settings, plan.state, plan.wiring, plan.clock, log_fd=2)
    assert other.market_name == "replay:btc.gz"


def test_segments_are_given_back(tmp_path: Path) -> None:
    """After a close no descriptor is left."""
    before = len(os.listdir("/proc/self/fd"))
    settings = stand_in_settings(tmp_path)
    wiring = Wiring(settings, pages=6)
    wiring.make_tables(3)
    assert len(os.listdir("/proc/self/fd")) > before
    wiring.close()
    assert len(os.listdir("/proc/self/fd")) == before
