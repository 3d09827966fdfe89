"""An operator's commands at the executor: obeyed, or refused in words."""

from collections.abc import AsyncIterator, Iterator

import pytest

from genesis.domain.market import Depth, DepthLevel, TradedVolume
from genesis.engine.control import Instruct, Instructed
from genesis.engine.state_machine import EngineState
from genesis.ipc.tables import DepthTable, QuoteTable, VolumeTable
from genesis.units import SCALE
from tests.support.bench import Bench
from tests.support.builders import NOW, PRICE, quote
from workers.executor_market import MarketView
from workers.operator_desk import OperatorDesk

WORDS = {
    "strategy": "ema_cross-1",
    "side": "buy",
    "algo": "twap",
    "over_s": "60",
    "notional": "3000",
}


@pytest.fixture
def market() -> Iterator[MarketView]:
    """Return tables that show one instrument of two."""
    quotes, depths, volumes = QuoteTable.create(2), DepthTable.create(2), VolumeTable.create(2)
    quotes.put(quote(received_at=NOW))
    levels = [DepthLevel(PRICE, SCALE)]
    depths.put(Depth(0, levels, levels, 1, NOW))
    volumes.put(TradedVolume(0, 500, 3))
    view = MarketView(quotes, depths, volumes)
    yield view
    view.close()


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    await made.engine.start("boot")
    await made.engine.recovered()
    yield made
    if made.engine.state is not EngineState.STOPPED:
        await made.engine.begin_stop()
        await made.engine.finish_stop()


def test_the_market_is_what_the_tables_hold(market: MarketView) -> None:
    """An instrument that was never heard of is left out, not guessed."""
    facts = market.facts([0, 1])
    assert list(facts.quotes) == list(facts.depths) == [0]
    assert facts.volumes == {0: 500}


async def test_a_parent_is_opened_and_canceled_by_its_number(
    bench: Bench, market: MarketView
) -> None:
    """The answer comes when the parent is durable; a second cancel says what is worked."""
    desk = OperatorDesk(bench.engine, market)

    opened = await desk.obey(Instruct(1, "execute", WORDS))
    assert (opened.number, opened.error) == (1, "")
    assert opened.result == {
        "parent": 1,
        "side": "buy",
        "symbol": "BTCUSDT",
        "algorithm": "twap",
        "quantity": "0.05000000",
        "arrival_price": "60000.00000000",
    }
    canceled = await desk.obey(Instruct(2, "cancel_parent", {"number": "1"}))
    assert canceled.result == {"parent": 1}
    again = await desk.obey(Instruct(3, "cancel_parent", {"number": "1"}))
    assert again.error == "no parent order '1' is worked: none"


@pytest.mark.parametrize(
    ("command", "changes", "words"),
    [
        ("dance", {}, "unknown command 'dance'"),
        ("resume", {}, "nothing is halted"),
        ("execute", {"algo": "magic"}, "algo 'magic'"),
        ("execute", {"strategy": "nobody"}, "no strategy 'nobody'"),
        ("execute", {"notional": "90000"}, "risk refused"),
    ],
)
async def test_what_is_not_obeyed_is_said(
    bench: Bench, market: MarketView, command: str, changes: dict[str, str], words: str
) -> None:
    """Nothing has changed, and the operator knows why."""
    told = await OperatorDesk(bench.engine, market).obey(Instruct(1, command, {**WORDS, **changes}))
    assert words in told.error
    assert not bench.core.ledger.state.parents


async def test_a_person_closes_everything_and_resumes(bench: Bench, market: MarketView) -> None:
    """Each is durable when it is answered; to ask for what is under way changes nothing."""
    desk, state = OperatorDesk(bench.engine, market), bench.core.ledger.state

    assert await desk.obey(Instruct(1, "kill", {"reason": "fire"})) == Instructed(1)
    assert (state.halt_reason, state.must_liquidate) == ("fire", True)
    assert await desk.obey(Instruct(2, "kill", {"reason": "more fire"})) == Instructed(2)
    assert state.halt_reason == "fire"
    resumed = await desk.obey(Instruct(3, "resume", {}))
    assert resumed == Instructed(3, {"state": "RUNNING"})
    assert (state.halt_reason, state.must_liquidate) == ("", False)
