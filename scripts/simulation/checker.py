"""What must hold, at every moment and at the end: the invariants of `reliability.md` 2.3."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from genesis.domain.order_ids import decode_order_id
from genesis.domain.orders import TERMINAL_STATES, Fill, OrderState, Side
from genesis.domain.positions import BalanceFold
from genesis.engine.effects import Announce, SubmitOrder
from genesis.engine.entries import (
    Entry,
    ExternalFillBooked,
    FillBooked,
    OrderMoved,
    OrderPrepared,
    TransferBooked,
)
from genesis.engine.ledger import Ledger
from genesis.units import Amount, Quantity, text_from_fixed
from scripts.simulation.disk import Disk
from scripts.simulation.venue import Venue, VenueOrder

VIOLATIONS_KEPT: Final = 20
_NEVER_ANNOUNCED: Final = frozenset({"order_resurrected", "order_missing"})


class Checker:
    """Collects violations, each a short sentence that begins with what was violated."""

    def __init__(self, disk: Disk) -> None:
        self.violations: list[str] = []
        self._disk = disk
        self._sent: set[str] = set()
        self._executed: dict[tuple[int, int, int], str] = {}
        self._net: dict[int, Quantity] = {}
        self._goals: dict[int, Quantity] = {}

    def expect(self, strategy_number: int, highest_goal: Quantity) -> None:
        """Take note of the most that a strategy will ever want."""
        self._goals[strategy_number] = highest_goal

    def violate(self, what: str) -> None:
        """Note a violation."""
        if len(self.violations) < VIOLATIONS_KEPT:
            self.violations.append(what)

    def on_sending(self, effect: SubmitOrder) -> None:
        """I4, I7: an order is durable before it is sent, and no id is sent twice."""
        name = effect.order.intent.client_order_id
        if not self._disk.holds_order(name):
            self.violate(f"sent before durable: {name}")
        if name in self._sent:
            self.violate(f"sent twice: {name}")
        self._sent.add(name)

    def on_trade(self, order: VenueOrder, trade: Fill) -> None:
        """I2: one order per wish is executed, and nobody gets more than it ever wanted."""
        name = decode_order_id(trade.client_order_id)
        if name is None:
            return
        wish = (name.strategy_number, name.epoch, name.sequence)
        first = self._executed.setdefault(wish, trade.client_order_id)
        if first != trade.client_order_id:
            self.violate(f"wish executed twice: {first} and {trade.client_order_id}")
        base = order.intent.symbol.removesuffix("USDT")
        fee = trade.fee if trade.fee_asset == base else 0
        net = self._net.get(name.strategy_number, 0) + trade.side.value * trade.quantity - fee
        self._net[name.strategy_number] = net
        if trade.side is Side.BUY and net > self._goals[name.strategy_number]:
            self.violate(
                f"more than wanted: {trade.client_order_id} made it {text_from_fixed(net)}"
            )

    def on_announce(self, announced: Announce) -> None:
        """Hear the core say that its bounds were broken."""
        if announced.event in _NEVER_ANNOUNCED:
            self.violate(f"{announced.event}: {announced.fields}")

    def net_of(self, strategy_number: int) -> Quantity:
        """Return what the venue's trades of a strategy add up to."""
        return self._net.get(strategy_number, 0)

    def check_end(self, venue: Venue, numbers: dict[str, int]) -> None:
        """Compare the journal with the venue when all is quiet."""
        entries = list(self._disk.read())
        ledger = Ledger()
        try:
            for entry in entries:
                ledger.apply(entry)
        except AssertionError as error:
            self.violate(f"journal does not fold: {error}")
            return
        self._check_moves(entries)
        self._check_orders(ledger, venue)
        self._check_fills(entries, venue)
        self._check_balances(ledger, entries, venue)
        for strategy_id, number in numbers.items():
            held = sum(
                position.quantity
                for position in ledger.state.positions.get(strategy_id, {}).values()
            )
            if held != self.net_of(number):
                self.violate(
                    f"position differs: {strategy_id} ours {text_from_fixed(held)}, "
                    f"venue {text_from_fixed(self.net_of(number))}"
                )

    def _check_moves(self, entries: Iterable[Entry]) -> None:
        """I10: nothing leaves a terminal state. I7: an id is prepared once."""
        states: dict[str, OrderState] = {}
        for entry in entries:
            if isinstance(entry, OrderPrepared):
                name = entry.intent.client_order_id
                if name in states:
                    self.violate(f"prepared twice: {name}")
                states[name] = OrderState.PREPARED
            elif isinstance(entry, OrderMoved):
                before = states[entry.client_order_id]
                if before in TERMINAL_STATES and entry.state is not before:
                    self.violate(f"moved from an end: {entry.client_order_id} {before.name}")
                states[entry.client_order_id] = entry.state

    def _check_orders(self, ledger: Ledger, venue: Venue) -> None:
        """No order is left open or in doubt, and I1: the journal holds all the venue's orders."""
        for order in ledger.state.live_orders.values():
            self.violate(f"left live: {order.intent.client_order_id} {order.state.name}")
        ids: Counter[str] = Counter()
        for theirs in venue.orders:
            name = theirs.intent.client_order_id
            if theirs.is_external:
                continue
            ids[name] += 1
            ours = ledger.find_order(name)
            if theirs.is_open:
                self.violate(f"left open at the venue: {name}")
            elif ours is None:
                self.violate(f"not in the journal: {name}")
            elif ours.state is not theirs.state or ours.filled_quantity != theirs.filled:
                self.violate(
                    f"order differs: {name} {ours.state.name} at the venue {theirs.state.name}"
                )
        for name, times in ids.items():
            if times > 1:
                self.violate(f"order made {times} times: {name}")

    def _check_fills(self, entries: Iterable[Entry], venue: Venue) -> None:
        booked = Counter(
            (entry.fill.symbol, entry.fill.trade_id)
            for entry in entries
            if isinstance(entry, FillBooked)
        )
        made = Counter(
            (trade.symbol, trade.trade_id)
            for trade in venue.trades
            if decode_order_id(trade.client_order_id) is not None
        )
        for symbol, trade_id in sorted((booked - made) + (made - booked)):
            times = booked[symbol, trade_id]
            self.violate(f"fill booked {times} times: {symbol} {trade_id}")

    def _check_balances(self, ledger: Ledger, entries: Iterable[Entry], venue: Venue) -> None:
        """I6: the fold equals the venue's balances; what is not our fills is what others moved."""
        accepted: dict[str, Amount] = {}
        for entry in entries:
            if isinstance(entry, TransferBooked):
                BalanceFold(accepted).apply_transfer(entry.asset, entry.amount)
            elif isinstance(entry, ExternalFillBooked):
                BalanceFold(accepted).apply_fill(entry.fill, entry)
        for asset, theirs in venue.balances.items():
            ours = ledger.expected_balance(asset)
            if ours != theirs:
                self.violate(
                    f"balance differs: {asset} ours {text_from_fixed(ours)}, "
                    f"venue {text_from_fixed(theirs)}"
                )
            moved = venue.external.get(asset, 0)
            if accepted.get(asset, 0) != moved:
                self.violate(f"explained away: {asset} {accepted.get(asset, 0)} not {moved}")
