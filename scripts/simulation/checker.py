"""What must hold, at every moment and at the end: the invariants of `reliability.md` 2.3."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from genesis.domain.instruments import Instrument
from genesis.domain.order_ids import decode_order_id
from genesis.domain.orders import TERMINAL_STATES, Fill, OrderState, Side
from genesis.domain.positions import BalanceFold
from genesis.engine.effects import Announce, SubmitOrder, SubmitOrderList
from genesis.engine.entries import (
    Entry,
    ExternalFillBooked,
    FillBooked,
    OrderMoved,
    OrderPrepared,
    TransferBooked,
)
from genesis.engine.execution import ExecutionCore
from genesis.engine.ledger import Ledger
from genesis.engine.state_machine import EngineState
from genesis.limits import UNCOVERED_MAX
from genesis.units import Amount, Nanos, Quantity, text_from_fixed
from scripts.simulation.disk import Disk
from scripts.simulation.venue import Venue, VenueOrder, locked_quantity

VIOLATIONS_KEPT: Final = 20
_NEVER_ANNOUNCED: Final = frozenset({"order_resurrected", "order_missing"})

_LOWEST_STOP_BPS: Final = 9_600  # no strategy of the simulation names a lower one

Holders = dict[int, tuple[str, Instrument]]
"""Strategies by number, each with its name and what it trades."""


class Checker:
    """Collects violations, each a short sentence that begins with what was violated."""

    def __init__(self, disk: Disk) -> None:
        self.violations: list[str] = []
        self._disk = disk
        self._sent: set[str] = set()
        self._executed: dict[tuple[int, int, int], str] = {}
        self._net: dict[int, Quantity] = {}
        self._goals: dict[int, Quantity] = {}
        self._sales: dict[int, list[VenueOrder]] = {}
        self._uncovered_since: dict[int, Nanos] = {}
        self._calm_since: Nanos | None = None

    def expect(self, strategy_number: int, highest_goal: Quantity) -> None:
        """Take note of the most that a strategy will ever want."""
        self._goals[strategy_number] = highest_goal

    def violate(self, what: str) -> None:
        """Note a violation."""
        if len(self.violations) < VIOLATIONS_KEPT:
            self.violations.append(what)

    def on_sending(self, effect: SubmitOrder | SubmitOrderList) -> None:
        """I4, I7: an order is durable before it is sent, and no id is sent twice."""
        if isinstance(effect, SubmitOrder):
            intents = [effect.order.intent]
        else:
            intents = [*effect.order_list.intent.legs]
        for intent in intents:
            name = intent.client_order_id
            if not self._disk.holds_order(name):
                self.violate(f"sent before durable: {name}")
            if name in self._sent:
                self.violate(f"sent twice: {name}")
            self._sent.add(name)

    def on_opened(self, order: VenueOrder) -> None:
        """Never more is for sale than is held, counted by the venue's own trades."""
        name = decode_order_id(order.intent.client_order_id)
        if name is None or order.intent.side is Side.BUY:
            return
        orders = self._sales.setdefault(name.strategy_number, [])
        orders.append(order)
        self._sales[name.strategy_number] = [sale for sale in orders if sale.is_open]
        for_sale = locked_quantity(orders)
        held = self.net_of(name.strategy_number)
        if for_sale > held:
            self.violate(
                f"more for sale than held: {order.intent.client_order_id} made it "
                f"{text_from_fixed(for_sale)} of {text_from_fixed(held)}"
            )

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

    def look_at_cover(
        self,
        venue: Venue,
        core: ExecutionCore | None,
        holders: Holders,
        now: Nanos,
        *,
        is_calm: bool,
    ) -> None:
        """In a calm world every position above dust has a live stop within 5 s.

        Time counts while an executor has recovered and nothing of the strategy is in doubt: what
        the time fence takes is not ours to shorten.
        """
        for number, (strategy_id, instrument) in holders.items():
            is_excused = (
                not is_calm
                or core is None
                or core.liquidation.is_on
                or _is_busy(core, strategy_id, instrument.symbol)
            )
            if is_excused or self._is_covered(venue, number, instrument):
                self._uncovered_since.pop(number, None)
                continue
            since = self._uncovered_since.setdefault(number, now)
            if now - since > UNCOVERED_MAX:
                self.violate(f"without a live stop: {strategy_id} {self.net_of(number)}")

    def _is_covered(self, venue: Venue, number: int, instrument: Instrument) -> bool:
        """Tell whether the venue has a stop over all that can be sold, or is selling it."""
        lots = instrument.floor_quantity(self.net_of(number))
        covered, is_sold, stop = 0, False, 0
        for order in venue.open_sales(instrument.symbol):
            name = decode_order_id(order.intent.client_order_id)
            if name is None or name.strategy_number != number:
                continue
            is_sold = is_sold or not name.leg
            if order.intent.order_type.is_conditional:
                covered += order.intent.quantity - order.filled
                stop = order.intent.trigger_price
        price = stop or venue.price_of(instrument.symbol) * _LOWEST_STOP_BPS // 10_000
        return covered >= lots or is_sold or not instrument.is_sellable(price, lots)

    def net_of(self, strategy_number: int) -> Quantity:
        """Return what the venue's trades of a strategy add up to."""
        return self._net.get(strategy_number, 0)

    def check_end(self, venue: Venue, holders: Holders) -> None:
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
        for number, (strategy_id, instrument) in holders.items():
            if not self._is_covered(venue, number, instrument):
                self.violate(f"left without a live stop: {strategy_id} {self.net_of(number)}")
            held = sum(
                position.lots for position in ledger.state.positions.get(strategy_id, {}).values()
            )
            if held != self.net_of(number):
                self.violate(
                    f"position differs: {strategy_id} ours {text_from_fixed(held)}, "
                    f"venue {text_from_fixed(self.net_of(number))}"
                )

    def check_closed(self, venue: Venue, holders: Holders) -> None:
        """Everything of ours is closed: no order is open, and no lots that the venue would take."""
        for number, (strategy_id, instrument) in holders.items():
            lots = instrument.floor_quantity(self.net_of(number))
            if instrument.is_sellable(venue.price_of(instrument.symbol), lots):
                self.violate(f"left unsold: {strategy_id} {text_from_fixed(lots)}")
        for order in venue.orders:
            if order.is_open and not order.is_external:
                self.violate(f"left open: {order.intent.client_order_id}")

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
        """No order is left open or in doubt but protection, and I1: the journal holds them all."""
        for order in ledger.state.live_orders.values():
            self.violate(f"left live: {order.intent.client_order_id} {order.state.name}")
        ids: Counter[str] = Counter()
        for theirs in venue.orders:
            name = theirs.intent.client_order_id
            if theirs.is_external:
                continue
            ids[name] += 1
            ours = ledger.find_order(name)
            if ours is None:
                self.violate(f"not in the journal: {name}")
            elif theirs.is_open and not ours.is_protective:
                self.violate(f"left open at the venue: {name}")
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


def _is_busy(core: ExecutionCore, strategy_id: str, symbol: str) -> bool:
    """Tell whether an executor recovers, or cannot do anything for a position now.

    That is while something of it is in flight, or the symbol is suspended as far as is known.
    """
    is_suspended = symbol in {instrument.symbol for instrument in core.listing.suspended}
    return (
        is_suspended
        or core.state is EngineState.RECOVERING
        or any(
            order.is_in_flight or order.misses_fills
            for order in core.ledger.unsettled()
            if (order.intent.strategy_id, order.intent.symbol) == (strategy_id, symbol)
        )
    )
