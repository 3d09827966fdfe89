"""The parts of the execution core, made and put together. Pure."""

from collections.abc import Callable, Mapping

from genesis.domain.instruments import InstrumentCatalogue
from genesis.domain.orders import OrderIntent, Refusal
from genesis.engine.account_watch import AccountWatch
from genesis.engine.adoption import Adoption
from genesis.engine.bookkeeping import Bookkeeper
from genesis.engine.canary import Canary, CanaryRules
from genesis.engine.comparison import BooksComparison
from genesis.engine.coverage import Coverage
from genesis.engine.effects import Effect
from genesis.engine.external import ExternalActivity
from genesis.engine.judgement import DepthOf, Judge
from genesis.engine.ledger import Ledger
from genesis.engine.liquidation import Liquidation
from genesis.engine.list_flow import ListFlow
from genesis.engine.listing import ListingWatch
from genesis.engine.order import Order
from genesis.engine.order_flow import Approve, Dispatch, OrderFlow, OrderRules
from genesis.engine.protection import ProtectionRules
from genesis.engine.protector import ApproveList, Protector
from genesis.engine.reconciliation import TradeCursor
from genesis.engine.risk_engine import ApprovedOrder
from genesis.engine.risk_facts import CanaryCap, RiskLimits
from genesis.engine.risk_watch import Halt, RiskWatch
from genesis.engine.signals.case import SignalRules
from genesis.engine.slicing.desk import SlicingDesk, SlicingRules, StandingOf
from genesis.engine.teller import Teller
from genesis.engine.timers import Timers
from genesis.engine.valuation import Valuation
from genesis.strategies.base import StrategySpec
from genesis.units import Amount, Nanos


class CoreParts:
    """What knows one thing each, over one ledger; the core owns the state that they ask about."""

    def __init__(
        self,
        *,
        catalogue: InstrumentCatalogue,
        strategies: Mapping[int, StrategySpec],
        limits: RiskLimits,
        signal_rules: SignalRules,
        order_rules: OrderRules,
        capital: Amount,
        ledger: Ledger,
        epoch: int,
        protection: ProtectionRules | None,
        depth_of: DepthOf,
        halt: Halt,
    ) -> None:
        self._catalogue = catalogue
        self._strategies = strategies
        self._rules = order_rules
        self._ledger = ledger
        self._epoch = epoch
        self.timers = Timers()
        self.valuation = Valuation(ledger, catalogue, capital)
        self.listing = ListingWatch(catalogue, self.timers, order_rules.listing_refresh)
        self._cursor = TradeCursor(ledger)
        self.teller = Teller(ledger=ledger, catalogue=catalogue, strategies=strategies, epoch=epoch)
        self.books = Bookkeeper(ledger, self.teller, self._cursor, self.valuation.value_of)
        self.external = ExternalActivity(ledger=ledger, catalogue=catalogue, books=self.books)
        self.comparison = BooksComparison(
            ledger=ledger,
            catalogue=catalogue,
            external=self.external,
            books=self.books,
            timers=self.timers,
        )
        self._protection = protection
        self.coverage = Coverage(is_on=protection is not None)
        self.risk = self._make_risk(limits, halt)
        self.judge = Judge(
            ledger=ledger,
            valuation=self.valuation,
            catalogue=catalogue,
            limits=limits,
            signal_rules=signal_rules,
            external=self.external,
            coverage=self.coverage,
            watch=self.risk,
            depth_of=depth_of,
        )
        self._adoption = Adoption(
            ledger=ledger,
            catalogue=catalogue,
            teller=self.teller,
            books=self.books,
            external=self.external,
            rules=order_rules,
        )

    def _make_risk(self, limits: RiskLimits, halt: Halt) -> RiskWatch:
        return RiskWatch(
            ledger=self._ledger,
            catalogue=self._catalogue,
            valuation=self.valuation,
            books=self.books,
            limits=limits,
            cancel=self._cancel,
            halt=halt,
        )

    def make_flow(self, approve: Approve, dispatch: Dispatch) -> OrderFlow:
        """Return what follows every order."""
        self._flow = OrderFlow(
            ledger=self._ledger,
            catalogue=self._catalogue,
            timers=self.timers,
            teller=self.teller,
            books=self.books,
            rules=self._rules,
            approve=approve,
            hold_of=self.judge.hold_of,
            meet_stranger=self._adoption.meet,
            dispatch=dispatch,
            count_cancel=self.judge.count_cancel,
        )
        return self._flow

    def _cancel(self, order: Order, now: Nanos) -> list[Effect]:
        return self._flow.cancel(order, now)

    def make_lists(self, flow: OrderFlow) -> ListFlow:
        """Return what follows every list."""
        return ListFlow(
            ledger=self._ledger,
            catalogue=self._catalogue,
            books=self.books,
            flow=flow,
            rules=self._rules,
        )

    def make_protector(
        self,
        flow: OrderFlow,
        lists: ListFlow,
        approve: Approve,
        approve_list: ApproveList,
    ) -> Protector:
        """Return what protects positions."""
        return Protector(
            ledger=self._ledger,
            catalogue=self._catalogue,
            strategies=self._strategies,
            timers=self.timers,
            teller=self.teller,
            books=self.books,
            flow=flow,
            lists=lists,
            coverage=self.coverage,
            approve=approve,
            approve_list=approve_list,
            quote_of=self.judge.quote_of,
            doubt_listing=self.listing.doubt,
            rules=self._protection or ProtectionRules(),
            account_tag=self._rules.account_tag,
            epoch=self._epoch,
        )

    def make_slicing(
        self, rules: SlicingRules, flow: OrderFlow, dispatch: Dispatch, standing_of: StandingOf
    ) -> SlicingDesk:
        """Return what works large orders in slices."""
        return SlicingDesk(
            ledger=self._ledger,
            catalogue=self._catalogue,
            strategies=self._strategies.values(),
            books=self.books,
            teller=self.teller,
            flow=flow,
            dispatch=dispatch,
            judge=self.judge,
            standing_of=standing_of,
            rules=rules,
            epoch=self._epoch,
        )

    def make_liquidation(
        self, flow: OrderFlow, slicing: SlicingDesk, protector: Protector
    ) -> Liquidation:
        """Return what closes everything of ours when that is asked for."""
        return Liquidation(
            ledger=self._ledger,
            catalogue=self._catalogue,
            books=self.books,
            flow=flow,
            slicing=slicing,
            protector=protector,
            quote_of=self.judge.quote_of,
        )

    def make_watch(self, flow: OrderFlow) -> AccountWatch:
        """Return what watches the account."""
        return AccountWatch(
            ledger=self._ledger,
            catalogue=self._catalogue,
            timers=self.timers,
            books=self.books,
            cursor=self._cursor,
            external=self.external,
            comparison=self.comparison,
            adoption=self._adoption,
            listing=self.listing,
            flow=flow,
        )

    def make_canary(
        self,
        rules: CanaryRules | None,
        approve: Callable[[OrderIntent, CanaryCap | None, Nanos], ApprovedOrder | Refusal],
        halt: Callable[[str, Nanos], list[Effect]],
    ) -> Canary:
        """Return how this version begins on the account."""
        return Canary(
            rules,
            ledger=self._ledger,
            catalogue=self._catalogue,
            books=self.books,
            timers=self.timers,
            account_tag=self._rules.account_tag,
            approve=approve,
            quote_of=self.judge.quote_of,
            halt=halt,
        )
