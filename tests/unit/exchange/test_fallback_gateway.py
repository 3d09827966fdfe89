"""Two ways to one venue: what may go over the second, and what never does."""

import asyncio

import pytest
import structlog
from structlog.testing import capture_logs

from genesis.domain.orders import OrderState
from genesis.engine.effects import QueryOrder
from genesis.engine.venue_questions import Sighting, look_up_order
from genesis.exchange.fallback_gateway import FallbackGateway
from genesis.exchange.gateway import (
    Accepted,
    CancelOutcome,
    Gateway,
    NoAnswer,
    NotFound,
    NotOpen,
    NotSent,
    QueryOutcome,
    Rejected,
    Unknown,
    Valid,
    VenuePath,
)
from tests.support.builders import hold, report
from tests.support.exchange_builders import (
    LIST_ID,
    ORDER_ID,
    approved,
    approved_pair,
    quiet_log,
)
from tests.support.scripted_gateway import ScriptedGateway

SYMBOL = "BTCUSDT"
MUTE = NoAnswer("no reply within 2000 ms")
REFUSED = Rejected(code=-1003, reason="Too much.", retryable=True, retry_at_ms=9)


class Ways:
    """A gateway over two scripted ones."""

    def __init__(self) -> None:
        self.first, self.second = ScriptedGateway(), ScriptedGateway()
        self.gateway: Gateway = FallbackGateway(self.first, self.second, quiet_log())

    async def query(self, *outcomes: QueryOutcome) -> QueryOutcome:
        """Ask for an order; the ways answer so, in turn."""
        self.first.queries.extend(outcomes[:1])
        self.second.queries.extend(outcomes[1:])
        return await self.gateway.query(SYMBOL, ORDER_ID)

    async def cancel(self, *outcomes: CancelOutcome) -> CancelOutcome:
        """Cancel an order; the ways answer so, in turn."""
        self.first.cancels.extend(outcomes[:1])
        self.second.cancels.extend(outcomes[1:])
        return await self.gateway.cancel(SYMBOL, ORDER_ID)


@pytest.fixture
def ways() -> Ways:
    """Return two ways, the first of them connected."""
    return Ways()


async def test_an_order_goes_over_the_first_way_or_not_at_all(ways: Ways) -> None:
    """Not even a broken first way makes the second send: that is how orders are doubled."""
    for is_connected in (True, False):
        ways.first.is_connected = is_connected
        assert ways.gateway.is_ready is is_connected
        prepared = ways.gateway.build_submit(approved(), timestamp_ms=ways.gateway.timestamp_ms())
        pending = ways.gateway.submit_prepared(prepared)
        ways.first.sent[ORDER_ID].set_result(NotSent("not connected"))
        assert await pending == NotSent("not connected")
        assert isinstance(await ways.gateway.test_order(approved()), Valid)
    assert not ways.second.asked
    assert not ways.second.sent


async def test_a_pair_goes_over_the_first_way_or_not_at_all(ways: Ways) -> None:
    """Two orders would be four."""
    pending = asyncio.ensure_future(ways.gateway.submit_list(approved_pair(), timestamp_ms=1))
    await asyncio.sleep(0)  # it is sent before anything is awaited
    ways.first.lists_sent[LIST_ID].set_result(Unknown("no reply"))
    assert await pending == Unknown("no reply")
    prepared = ways.gateway.build_submit_list(approved_pair(), timestamp_ms=1)
    assert not ways.gateway.submit_prepared_list(prepared).done()
    assert not ways.second.asked


async def test_lists_are_canceled_and_found_by_either_way(ways: Ways) -> None:
    """A cancel can only end the pair it names, and a question changes nothing."""
    ways.first.list_cancels.append(Unknown("lost"))
    ways.second.list_cancels.append(NotOpen("Unknown order sent."))
    assert isinstance(await ways.gateway.cancel_list(SYMBOL, LIST_ID), NotOpen)
    ways.first.list_queries.append(MUTE)
    assert await ways.gateway.query_list(LIST_ID) == NotFound()
    assert await ways.gateway.open_lists() == ()
    assert ways.second.asked == [f"cancel list {SYMBOL} {LIST_ID}", f"query list {LIST_ID}"]


def test_what_holds_orders_is_of_the_first_way(ways: Ways) -> None:
    """A second way that is free sends no order, so it frees none."""
    held = hold()
    ways.first.holds = {False: (0, held)}
    assert ways.gateway.order_hold(is_reduction=False, ahead=0) is held
    assert ways.gateway.order_hold(is_reduction=True, ahead=0) is None


async def test_a_change_of_ways_is_logged_once(ways: Ways) -> None:
    """Not each question: an operator reads when it began, why, and when it was over."""
    with capture_logs() as lines:
        gateway = FallbackGateway(ways.first, ways.second, structlog.get_logger())
        for connected in (True, False, False, True, True):
            ways.first.is_connected = connected
            await gateway.venue_time_ms()
    assert [line["event"] for line in lines] == ["second_path_asked", "first_path_answers"]
    assert lines[0]["reason"] == "the first way is not ready"


async def test_questions_are_asked_on_the_first_way(ways: Ways) -> None:
    """An answer is an answer, and "not found" is one: nobody is asked twice."""
    assert await ways.query(NotFound()) == NotFound()
    assert await ways.gateway.open_orders(None) == ()
    assert await ways.gateway.venue_time_ms() == ways.first.now_ms
    assert not ways.second.asked


@pytest.mark.parametrize("is_connected", [False, True], ids=["not ready", "silent"])
async def test_every_question_finds_the_second_way(ways: Ways, *, is_connected: bool) -> None:
    """While the first is down or mute, doubts are resolved and books compared all the same."""
    ways.first.is_connected = is_connected
    for way in (ways.first, ways.second):
        silent: NoAnswer | None = MUTE if way is ways.first else None
        way.now_ms = silent or 5
        way.open = way.orders = way.trades = silent or ()
        way.listing = silent or ()
        way.trades_found = {SYMBOL: silent or ()}
        way.balances = silent or {"USDT": 7}
    gateway = ways.gateway
    assert await gateway.venue_time_ms() == 5
    assert await gateway.open_orders(SYMBOL) == ()
    assert await gateway.orders_since(SYMBOL, 1) == ()
    assert await gateway.trades_since(SYMBOL, 1) == ()
    assert await gateway.trades_made_since(SYMBOL, 1) == ()
    assert await gateway.trades_of_order(SYMBOL, 1) == ()
    assert await gateway.instruments((SYMBOL,)) == ()
    account = await gateway.account()
    assert not isinstance(account, NoAnswer)
    assert account.balances[0].free == 7
    assert await ways.query(MUTE, NotFound()) == NotFound()
    assert bool(ways.first.asked) is is_connected
    assert len(ways.second.asked) == 9


@pytest.mark.parametrize(
    "refusal",
    [
        NoAnswer("Too much.", code=-1003, retry_at_ms=9),
        NoAnswer("Invalid key.", code=-2015, retryable=False),
        NoAnswer("rate_limit: 800; 800", retry_at_ms=9),
    ],
    ids=["throttled", "refused", "held by us"],
)
async def test_a_refusal_is_not_asked_again_by_the_back_door(ways: Ways, refusal: NoAnswer) -> None:
    """The venue counts an address, not a transport: that would be how an address is banned."""
    assert await ways.query(refusal) == refusal
    assert not ways.second.asked


async def test_two_silences_are_one_with_both_reasons(ways: Ways) -> None:
    """An operator reads what happened on either way."""
    answer = await ways.query(MUTE, NoAnswer("connection refused"))
    assert answer == NoAnswer("no reply within 2000 ms; then connection refused")


async def test_what_belongs_together_is_asked_anew_as_a_whole(ways: Ways) -> None:
    """The clock of one way says nothing of a "not found" that came by another."""
    ways.first.now_ms, ways.second.now_ms = 100, 50
    ways.first.queries.append(MUTE)
    asked = QueryOrder(SYMBOL, ORDER_ID, cancel_first=True)

    async def ask(path: VenuePath) -> Sighting | NoAnswer:
        return await look_up_order(asked, path)

    assert await ways.gateway.on_one_path(ask) == Sighting(NotFound(), venue_ms=50)
    calls = ["time", f"cancel {SYMBOL} {ORDER_ID}", f"query {SYMBOL} {ORDER_ID}"]
    assert ways.first.asked == calls
    assert ways.second.asked == calls


@pytest.mark.parametrize(
    "answer",
    [Accepted(report(OrderState.CANCELED)), NotOpen("Unknown order sent."), REFUSED],
    ids=["canceled", "not open", "refused"],
)
async def test_a_cancel_that_is_answered_is_done(ways: Ways, answer: CancelOutcome) -> None:
    """Also when the answer is a refusal: waiting is what the venue asked for."""
    assert await ways.cancel(answer) == answer
    assert not ways.second.asked


@pytest.mark.parametrize(
    ("first", "second", "outcome"),
    [
        (NotSent("closing"), NotOpen("Unknown order sent."), NotOpen("Unknown order sent.")),
        (Unknown("lost"), NotOpen("Unknown order sent."), NotOpen("Unknown order sent.")),
        (NotSent("closing"), Unknown("timeout"), Unknown("timeout")),
        (NotSent("closing"), NotSent("refused"), NotSent("refused")),
        (NotSent("closing"), REFUSED, REFUSED),
        (Unknown("lost"), Unknown("timeout"), Unknown("timeout")),
        (Unknown("lost"), NotSent("refused"), Unknown("lost; then refused")),
        (Unknown("lost"), REFUSED, Unknown("lost; then Too much.")),
    ],
)
async def test_a_cancel_may_go_both_ways(
    ways: Ways, first: CancelOutcome, second: CancelOutcome, outcome: CancelOutcome
) -> None:
    """It is named by an id of ours that is never used again; a doubt needs an answer to end."""
    assert await ways.cancel(first, second) == outcome
    assert len(ways.second.asked) == 1


async def test_a_cancel_without_a_first_way_takes_the_second(ways: Ways) -> None:
    """Nothing is tried on a connection that is known to be down."""
    ways.first.is_connected = False
    ways.second.cancels.append(NotOpen("gone"))
    assert await ways.gateway.cancel(SYMBOL, ORDER_ID) == NotOpen("gone")
    assert not ways.first.asked
