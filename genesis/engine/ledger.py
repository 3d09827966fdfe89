"""The executor's memory: orders, fills, positions and balances, folded from journal entries.

`Ledger.apply` is the only way to change it, live and in recovery alike, so what a restarted
executor knows is what the dead one knew at its last commit.
"""

from collections.abc import Iterator
from itertools import chain, islice

from genesis.domain.order_ids import OrderIdParts, encode_order_id
from genesis.domain.orders import ExecutionReport, Fill, Side
from genesis.domain.positions import BalanceFold, Position
from genesis.domain.strategy_record import StrategyRecord, merge_records
from genesis.engine.entries import (
    AccountBound,
    BalanceOpened,
    BooksAgreed,
    CanaryBegun,
    CanaryPassed,
    CanaryServed,
    CapitalAllotted,
    EntriesCompleted,
    EntriesMissed,
    EntriesPaused,
    Entry,
    EpochStarted,
    EquityMarked,
    ExitBegun,
    ExitDropped,
    ExternalFillBooked,
    FeesValued,
    FillBooked,
    LiquidationEnded,
    OrderMoved,
    OrderPrepared,
    OrderTested,
    ParentEnded,
    ParentOpened,
    RiskMoved,
    SignalId,
    SignalRefused,
    StoppedCleanly,
    TradingHalted,
    TradingResumed,
    TransferBooked,
    external_name,
    transfer_name,
)
from genesis.engine.ledger_state import CanaryRecord, LedgerState
from genesis.engine.order import Order
from genesis.engine.protection_books import ProtectionBooks
from genesis.engine.risk_state import RiskState, resumed
from genesis.engine.slicing.fold import apply_parent, book_child_fill, note_child
from genesis.engine.sub_ledgers import allot_capital, settle_fee, take_fee
from genesis.limits import (
    EXTERNAL_TRADES_KEPT,
    PAUSES_KEPT,
    SETTLED_ORDERS_KEPT,
    SETTLED_ORDERS_SPARE,
    TRANSFERS_KEPT,
)
from genesis.units import Amount, Nanos, notional


class Ledger:
    """The fold itself: `apply` entries, read what they add up to."""

    __slots__ = ("_balances", "_by_venue_id", "_house", "protection", "state")

    def __init__(self, state: LedgerState | None = None) -> None:
        self.state = state or LedgerState()
        self.protection = ProtectionBooks(self.state.protection)
        self._balances = BalanceFold(self.state.balance_changes)
        self._house = BalanceFold(self.state.house_changes)
        self._by_venue_id = {
            (order.intent.symbol, order.venue_order_id): order
            for order in chain(self.state.settled_orders.values(), self.unsettled())
            if order.venue_order_id
        }

    def apply(self, entry: Entry) -> None:
        """Fold one entry in. Entries come in journal order, each exactly once."""
        match entry:  # the many first
            case FillBooked():
                self._apply_fill(entry)
            case OrderMoved():
                self._apply_moved(entry)
            case OrderPrepared():
                self._apply_prepared(entry)
            case SignalRefused() | ExitBegun() | ExitDropped():
                self._apply_verdict(entry)
            case ExternalFillBooked() | TransferBooked() | FeesValued() | CapitalAllotted():
                self._apply_to_money(entry)
            case CanaryBegun() | OrderTested() | CanaryServed() | CanaryPassed():
                self._apply_to_canary(entry)
            case ParentOpened() | ParentEnded():
                if isinstance(entry, ParentOpened) and entry.signal is not None:
                    self._raise_high_water(entry.signal, 1)
                apply_parent(self.state, entry)
            case _:
                self._apply_to_account(entry)
        self.state.written_at = entry.at

    def _apply_to_money(
        self, entry: ExternalFillBooked | TransferBooked | FeesValued | CapitalAllotted
    ) -> None:
        """Fold in what moves money without an order of ours."""
        match entry:
            case ExternalFillBooked():
                self._apply_external(entry)
            case TransferBooked():
                self._apply_transfer(entry)
            case FeesValued():
                settle_fee(self.state, entry)
            case CapitalAllotted():
                allot_capital(self.state, entry)

    def _apply_to_account(
        self,
        entry: BalanceOpened
        | BooksAgreed
        | EquityMarked
        | EpochStarted
        | AccountBound
        | EntriesMissed
        | EntriesCompleted
        | TradingHalted
        | TradingResumed
        | LiquidationEnded
        | RiskMoved
        | EntriesPaused
        | StoppedCleanly,
    ) -> None:
        """Fold in what concerns the account as a whole."""
        state = self.state
        match entry:
            case BalanceOpened(asset=asset, amount=amount, balances_at=balances_at):
                state.opening_balances[asset] = amount
                self._account_until(balances_at)
            case BooksAgreed(balances_at=balances_at):
                self._account_until(balances_at)
            case EquityMarked():
                state.peak_equity = entry.peak_equity
                state.day = entry.day
                state.day_opening_equity = entry.day_opening_equity
            case EpochStarted():
                state.epoch = entry.epoch
                state.boot_id = entry.boot_id
                state.is_synced = entry.is_synced
                state.stopped_cleanly = False
            case AccountBound(account_id=account_id):
                state.account_id = account_id
            case EntriesMissed(since=since):
                earlier = state.incomplete_since
                state.incomplete_since = since if earlier is None else min(since, earlier)
            case EntriesCompleted():
                state.incomplete_since = None
            case StoppedCleanly():
                state.stopped_cleanly = True
            case _:
                self._apply_to_risk(entry)

    def _apply_to_risk(
        self, entry: TradingHalted | TradingResumed | LiquidationEnded | RiskMoved | EntriesPaused
    ) -> None:
        """Fold in what stops entries, and what lets them go on."""
        state = self.state
        match entry:
            case TradingHalted(reason=reason, strategy_id=None):
                state.halt_reason = reason
                if entry.must_liquidate:
                    state.must_liquidate, state.liquidated_at = True, 0
            case TradingHalted(reason=reason, strategy_id=str(strategy_id)):
                state.halted_strategies[strategy_id] = reason
            case TradingResumed():
                state.halt_reason = ""
                state.must_liquidate, state.liquidated_at = False, 0
                state.halted_strategies.clear()
                if state.risk.state is RiskState.HALTED:
                    state.risk, state.risk_cause = resumed(state.risk), ""
                self._restart_canary()
            case LiquidationEnded(at=at):
                state.liquidated_at = at
            case RiskMoved(standing=standing, cause=cause):
                state.risk, state.risk_cause = standing, cause
            case EntriesPaused():
                self._apply_pause(entry)

    def _apply_pause(self, entry: EntriesPaused) -> None:
        """Keep a pause, and forget those that are over: the oldest ones if there are too many."""
        pauses = self.state.pauses
        pauses.pop(entry.symbol, None)
        pauses[entry.symbol] = entry.pause
        for symbol in [symbol for symbol, pause in pauses.items() if pause.until <= entry.at]:
            del pauses[symbol]
        while len(pauses) > PAUSES_KEPT:
            del pauses[next(iter(pauses))]

    def _apply_to_canary(
        self, entry: CanaryBegun | OrderTested | CanaryServed | CanaryPassed
    ) -> None:
        state = self.state
        if isinstance(entry, CanaryBegun):
            state.canary = CanaryRecord(
                program=entry.program,
                orders_before=state.orders_prepared,
                fills_before=state.fills_booked,
            )
            return
        record = state.canary
        assert record is not None, "a canary begins before it goes on"
        match entry:
            case OrderTested(symbol=symbol):
                record.tested[symbol] = None
            case CanaryServed(served=served):
                record.served = served
            case CanaryPassed():
                record.has_passed = True

    def _restart_canary(self) -> None:
        record = self.state.canary
        if record is not None and not record.has_passed:
            record.tested.clear()
            record.served = 0

    def unsettled(self) -> Iterator[Order]:
        """Return every order of ours of which more is to come: of strategies, and of protection."""
        return chain(self.state.live_orders.values(), self.state.protection.orders.values())

    def find_order(self, client_order_id: str) -> Order | None:
        """Return one of our orders, live or recently settled."""
        state = self.state
        return (
            state.live_orders.get(client_order_id)
            or state.protection.orders.get(client_order_id)
            or state.settled_orders.get(client_order_id)
        )

    def find_by_venue_id(self, symbol: str, venue_order_id: int) -> Order | None:
        """Return one of our orders by the venue's own number for it."""
        return self._by_venue_id.get((symbol, venue_order_id))

    def order_of(self, report: ExecutionReport) -> Order | None:
        """Return our order that a report is about, or None if it is about nobody's or another's.

        Once the venue's number is known, that is the name (`binance-spot.md` section 12.4): a
        client order id is free again when its order has ended, and a list may show another one for
        an order that was canceled or amended.
        """
        order = self.find_by_venue_id(report.symbol, report.venue_order_id)
        if order is not None:
            return order
        order = self.find_order(report.client_order_id)
        is_ours = (
            order is not None
            and order.intent.symbol == report.symbol
            and order.venue_order_id in {0, report.venue_order_id}
        )
        return order if is_ours else None

    def has_external(self, trade: Fill) -> bool:
        """Tell whether a trade that is not ours is a part of our balances."""
        state = self.state
        is_old = trade.traded_at <= state.accounted_until
        return is_old or external_name(trade) in state.external_trades

    def position(self, strategy_id: str, symbol: str) -> Position:
        """Return a strategy's position in one instrument; flat if it never traded it."""
        return self.state.positions.get(strategy_id, {}).get(symbol) or Position()

    def record_of(self, strategy_id: str) -> StrategyRecord:
        """Return a strategy's closed round trips, in all its instruments together."""
        held = self.state.positions.get(strategy_id, {})
        return merge_records(position.record for position in held.values())

    def record_of_instrument(self, symbol: str) -> StrategyRecord:
        """Return the closed round trips in one instrument, of all strategies together."""
        return merge_records(
            held[symbol].record for held in self.state.positions.values() if symbol in held
        )

    def is_judged(self, signal: SignalId) -> bool:
        """Tell whether this signal, or a later one of its strategy, has had its verdict."""
        high = self.state.high_water.get(signal.strategy_number)
        return high is not None and (signal.epoch, signal.sequence) <= (high[0], high[1])

    def is_latest(self, signal: SignalId, attempt: int) -> bool:
        """Tell whether this is the last attempt of the last signal of its strategy."""
        high = self.state.high_water.get(signal.strategy_number)
        return high is not None and (signal.epoch, signal.sequence, attempt) == tuple(high)

    def has_held(self, name: OrderIdParts) -> bool:
        """Tell whether the journal holds the order of this name, even if it is forgotten here.

        Orders of one strategy are prepared in the order of their names, so whatever is not above
        the high water is in the journal; but for an exit that waited, which is there when it is
        sent. Protection has names of its own.
        """
        if name.leg:
            return self.protection.has_held(name)
        if encode_order_id(name) in self.state.protection.exits:
            return False
        high = self.state.high_water.get(name.strategy_number)
        return high is not None and (name.epoch, name.sequence, name.attempt) <= tuple(high)

    def knows_transfer(self, transfer: TransferBooked) -> bool:
        """Tell whether this transfer, as the venue announced it, has been booked."""
        return transfer_name(transfer) in self.state.recent_transfers

    @property
    def movements(self) -> int:
        """Return how many facts have moved balances so far."""
        state = self.state
        return state.fills_booked + state.external_fills + state.transfers_booked

    def expected_balance(self, asset: str) -> Amount:
        """Return what the account must hold of an asset, free and locked together."""
        state = self.state
        return state.opening_balances.get(asset, 0) + state.balance_changes.get(asset, 0)

    def working_entry_notional(self) -> Amount:
        """Return the quote amount that working buy orders may still spend."""
        return sum(
            notional(order.intent.limit_price or order.intent.reference_price, working)
            for order in self.state.live_orders.values()
            if order.intent.side is Side.BUY and (working := order.working_quantity)
        )

    def _account_until(self, at: Nanos) -> None:
        """Take note of a time up to which all is in the balances: older trades need no memory."""
        state = self.state
        if at <= state.accounted_until:
            return
        state.accounted_until = at
        state.external_trades = {
            name: traded_at for name, traded_at in state.external_trades.items() if traded_at > at
        }

    def _apply_external(self, entry: ExternalFillBooked) -> None:
        fill, state = entry.fill, self.state
        self._balances.apply_fill(fill, entry)
        self._house.apply_fill(fill, entry)
        state.external_fills += 1
        state.external_trades[external_name(fill)] = fill.traded_at
        if fill.symbol in state.last_trade_ids:
            state.last_trade_ids[fill.symbol] = max(
                state.last_trade_ids[fill.symbol], fill.trade_id
            )
        # What is forgotten must never be booked again. If something older was not booked at all,
        # balances will differ, and somebody is called.
        while len(state.external_trades) > EXTERNAL_TRADES_KEPT:
            self._account_until(state.external_trades[next(iter(state.external_trades))])

    def _apply_transfer(self, entry: TransferBooked) -> None:
        self._balances.apply_transfer(entry.asset, entry.amount)
        self._house.apply_transfer(entry.asset, entry.amount)
        self._account_until(entry.balances_at)
        state = self.state
        state.transfers_booked += 1
        if entry.cleared_at:
            state.recent_transfers[transfer_name(entry)] = None
        while len(state.recent_transfers) > TRANSFERS_KEPT:
            del state.recent_transfers[next(iter(state.recent_transfers))]

    def _apply_verdict(self, entry: SignalRefused | ExitBegun | ExitDropped) -> None:
        match entry:
            case SignalRefused(signal=signal, refusal=refusal):
                self._raise_high_water(signal, 0)
                refusals = self.state.refusals
                refusals[refusal.rule.value] = refusals.get(refusal.rule.value, 0) + 1
                by_strategy, number = self.state.refusals_by_strategy, signal.strategy_number
                by_strategy[number] = by_strategy.get(number, 0) + 1
            case ExitBegun(signal=signal, attempt=attempt):
                # Its order is not held yet: should that be lost, the venue's list brings it back.
                self._raise_high_water(signal, attempt - 1)
                self.protection.begin_exit(entry)
            case ExitDropped(client_order_id=client_order_id):
                self.protection.end_exit(client_order_id)

    def _raise_high_water(self, signal: SignalId, attempt: int) -> None:
        reached = (signal.epoch, signal.sequence, attempt)
        high = self.state.high_water.get(signal.strategy_number)
        if high is None or reached > high:
            self.state.high_water[signal.strategy_number] = reached

    def _apply_prepared(self, entry: OrderPrepared) -> None:
        self.state.orders_prepared += 1
        order = Order(
            signal=entry.signal,
            attempt=entry.attempt,
            intent=entry.intent,
            base_asset=entry.base_asset,
            quote_asset=entry.quote_asset,
            timestamp_ms=entry.timestamp_ms,
            receive_window_ms=entry.receive_window_ms,
            signal_at=entry.signal_at,
            prepared_at=entry.at,
            moved_at=entry.at,
            leg=entry.leg,
            order_list=entry.order_list,
            step_size=entry.step_size,
        )
        if order.is_protective:
            self.protection.prepare(order)
            return
        self._raise_high_water(entry.signal, entry.attempt)
        self.protection.end_exit(entry.intent.client_order_id)
        self.state.live_orders[entry.intent.client_order_id] = order
        if order.is_child:
            note_child(self.state, order)

    def _apply_moved(self, entry: OrderMoved) -> None:
        order = self.find_order(entry.client_order_id)
        assert order is not None, "an order is prepared before it moves"
        order.state = entry.state
        if entry.venue_order_id:
            order.venue_order_id = entry.venue_order_id
            self._by_venue_id[order.intent.symbol, entry.venue_order_id] = order
        order.filled_quantity = max(order.filled_quantity, entry.filled_quantity)
        order.reason = entry.reason
        order.moved_at = entry.at
        self._file(order)

    def _apply_fill(self, entry: FillBooked) -> None:
        fill, state = entry.fill, self.state
        name, symbol, trade_id = fill.client_order_id, fill.symbol, fill.trade_id
        order = state.live_orders.get(name) or self.find_order(name)
        assert order is not None, "a fill is booked to an order"
        assert trade_id not in order.booked_trades, "a trade is booked once"
        order.booked_trades.add(trade_id)
        order.booked_quantity = booked = order.booked_quantity + fill.quantity
        order.booked_amount += fill.quote_amount
        if booked > order.filled_quantity:  # noqa: PLR1730 - a million times at a start
            order.filled_quantity = booked
        if fill.fee:
            take_fee(state, order, entry)
        self._balances.apply_fill(fill, order)
        held = state.positions.get(order.intent.strategy_id)
        if held is None or symbol not in held:
            self._open_position(order)
            held = state.positions[order.intent.strategy_id]
        position = held[symbol]
        position.apply(fill, order, entry.fee_value or 0)
        self.protection.take_fill(order, position, entry.at)
        if trade_id > state.last_trade_ids.get(symbol, 0):
            state.last_trade_ids[symbol] = trade_id
        state.fills_booked += 1
        if order.is_child:
            book_child_fill(state, order, fill, entry.at)
        if order.is_terminal:  # else it stays where it is
            self._file(order)

    def _open_position(self, order: Order) -> None:
        strategy_id, symbol = order.intent.strategy_id, order.intent.symbol
        self.state.positions.setdefault(strategy_id, {})[symbol] = Position()
        self.state.pairs[symbol] = order.base_asset, order.quote_asset

    def _file(self, order: Order) -> None:
        """Keep an order where its state says: live, or among the last settled ones."""
        state = self.state
        client_order_id = order.intent.client_order_id
        is_protective = order.is_protective
        live = state.protection.orders if is_protective else state.live_orders
        if not order.is_settled:
            if client_order_id not in live:
                state.settled_orders.pop(client_order_id, None)
                live[client_order_id] = order
                self.protection.note(order)
            return
        live.pop(client_order_id, None)
        if is_protective:
            self.protection.note(order)
        settled = state.settled_orders
        settled[client_order_id] = order
        if len(settled) > SETTLED_ORDERS_KEPT + SETTLED_ORDERS_SPARE:
            # Many at a time: to find the first of a dict steps over all that were removed before.
            for oldest in list(islice(settled.values(), SETTLED_ORDERS_SPARE)):
                del settled[oldest.intent.client_order_id]
                self._by_venue_id.pop((oldest.intent.symbol, oldest.venue_order_id), None)
