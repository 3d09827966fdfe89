"""A parent through any interleaving of fills, lost answers, doubts and crashes, on the whole core.

The core is real, and so is its journal; the venue is a table of what it has executed. A crash
takes the core away after any entry that was written, together with everything it had not said.
"""

from hypothesis import given, settings
from hypothesis import strategies as st

from genesis.domain.orders import ExecutionReport, Fill, OrderState
from genesis.engine.effects import QueryOrder, SubmitOrder
from genesis.engine.slicing.parent import ParentOrder
from genesis.exchange.gateway import Accepted, Found, NoAnswer, NotFound, QueryOutcome, Unknown
from genesis.units import NANOS_PER_MS
from tests.support.builders import CAPITAL, LOT, NOW, SECOND, VENUE_MS, fill, report
from tests.support.desk import Desk
from tests.support.parents import WHOLE, market, opened

STEP = SECOND // 2
_END = NOW + 120 * SECOND

ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["answer", "lose the answer", "never arrive", "crash"]),
        st.integers(0, 100),
    ),
    min_size=1,
    max_size=25,
)


class Scene:
    """One parent, the core that works it, and what the venue knows of its children."""

    def __init__(self) -> None:
        self.desk = opened(Desk().start())
        self.now = NOW
        self.epoch = 1
        self.executed: dict[str, int] = {}  # what the venue filled, of orders that reached it
        self.venue_total = 0

    @property
    def parent(self) -> ParentOrder:
        """Return the parent, worked or ended."""
        state = self.desk.core.ledger.state
        return state.parents.get(1) or state.ended_parents[1]

    def step(self, action: str, percent: int) -> None:
        """Let half a second pass and the desk work; then something befalls each child it sent."""
        self.now += STEP
        desk, venue_ms = self.desk, VENUE_MS + (self.now - NOW) // NANOS_PER_MS
        facts = market(self.now)
        desk.core.on_quotes(facts.quotes, self.now)
        desk.take(desk.core.slicing.work(facts, desk.venue_now(venue_ms), self.now))
        for effect in [one for one in desk.effects if isinstance(one, SubmitOrder)]:
            self._befall(effect.order.intent.client_order_id, action, percent)
        if action == "crash":
            self._crash()
        self._resolve(venue_ms, is_silent=action != "answer")
        self.check()

    def check(self) -> None:
        """Hold what has filled and what may still fill against the parent."""
        parent = self.parent
        live = self.desk.core.ledger.state.live_orders
        working = sum(order.working_quantity for order in live.values())
        assert parent.filled_quantity + working <= parent.quantity
        assert self.venue_total <= parent.quantity
        assert parent.filled_quantity <= self.venue_total

    def _befall(self, name: str, action: str, percent: int) -> None:
        intent = self.desk.prepared()[-1].intent
        assert intent.client_order_id == name
        if action == "never arrive":
            self.desk.answer(Unknown("lost"), name, self.now)
            return
        lots = intent.quantity // LOT * percent // 100 * LOT
        self.executed[name] = lots
        self.venue_total += lots
        told, fills = self._report(name)
        outcome = Accepted(told, fills) if action == "answer" else Unknown("lost")
        self.desk.answer(outcome, name, self.now)

    def _report(self, name: str) -> tuple[ExecutionReport, tuple[Fill, ...]]:
        """Return what the venue says of an order that reached it."""
        lots = self.executed[name]
        order = self.desk.core.ledger.find_order(name)
        assert order is not None
        number = 1_000 + len(name) + list(self.executed).index(name)
        done = fill(number, client_order_id=name, venue_order_id=number, quantity=lots)
        state = OrderState.FILLED if lots == order.intent.quantity else OrderState.EXPIRED
        told = report(
            state,
            client_order_id=name,
            venue_order_id=number,
            quantity=order.intent.quantity,
            filled_quantity=lots,
            execution=done if lots else None,
        )
        return told, (done,) if lots else ()

    def _resolve(self, venue_ms: int, *, is_silent: bool) -> None:
        """Answer what the core asks about orders in doubt, or say nothing for now."""
        self.desk.tick(self.now)
        asked = [one for one in self.desk.effects if isinstance(one, QueryOrder)]
        while asked:
            question = asked.pop()
            outcome: QueryOutcome = NoAnswer("silent")
            if not is_silent:
                outcome = self._look(question.client_order_id)
            effects = self.desk.core.on_query_outcome(
                question.client_order_id,
                outcome,
                venue_ms=venue_ms,
                cancel_first=question.cancel_first,
                now=self.now,
            )
            self.desk.take(effects)
            asked += [one for one in self.desk.effects if isinstance(one, QueryOrder)]

    def _look(self, name: str) -> Found | NotFound:
        if name in self.executed:
            return Found(self._report(name)[0])
        return NotFound()

    def _crash(self) -> None:
        """Begin anew on the journal as it is; everything else is gone."""
        self.epoch += 1
        held = list(self.desk.journal)
        reborn = Desk(held, epoch=self.epoch)
        reborn.take(reborn.core.start("boot", self.now))
        booked = self.parent.filled_quantity
        spent = sum(
            order.booked_amount
            for orders in (
                reborn.core.ledger.state.live_orders,
                reborn.core.ledger.state.settled_orders,
            )
            for order in orders.values()
        )
        reborn.view({"USDT": CAPITAL - spent, "BTC": booked}, now=self.now)
        self.desk = reborn


@settings(max_examples=60)
@given(ACTIONS)
def test_a_parent_never_trades_more_than_its_quantity(actions: list[tuple[str, int]]) -> None:
    """Whatever is lost, whoever dies: booked and working together stay within it, and it ends."""
    scene = Scene()
    turn = 0
    while not scene.parent.end:
        scene.step(*actions[turn % len(actions)])
        turn += 1
        assert scene.now < _END, "a parent ends"
    assert scene.parent.filled_quantity <= WHOLE
