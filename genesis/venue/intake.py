"""What an order must be and have before the exchange takes it in."""

from collections.abc import Mapping, Sequence

from genesis.domain.orders import OrderType, Side
from genesis.units import NANOS_PER_MS, SCALE, Amount, Nanos, Quantity, notional
from genesis.venue import refusals
from genesis.venue.filters import FilterContext, check_filters
from genesis.venue.listing import Listing, SymbolStatus
from genesis.venue.market import Market
from genesis.venue.matching import affordable_quantity
from genesis.venue.order_lists import ListKey, NewOrderList
from genesis.venue.orders import NewOrder, VenueOrder
from genesis.venue.prospects import Reach, crosses, market_cost, nearer
from genesis.venue.settlement import Desk
from genesis.venue.waiting_orders import PriceSpan


class Intake:
    """The judge of new orders, and the maker of those that are let in. It changes nothing."""

    def __init__(self, market: Market, desk: Desk, listings: Mapping[str, Listing]) -> None:
        self._market = market
        self._desk = desk
        self._listings = listings

    def listing(self, symbol: str) -> Listing:
        """Return the rules of a symbol.

        Raises:
            Refused: The symbol is not listed.
        """
        listing = self._listings.get(symbol)
        if listing is None:
            raise refusals.invalid_symbol()
        return listing

    def check(
        self,
        account_id: int,
        request: NewOrder,
        now: Nanos,
        *,
        legs_before: Sequence[NewOrder] | None = None,
    ) -> None:
        """Refuse an order that the parameters, filters or order limits do not allow.

        A leg of a new list comes with the `legs_before` it.

        Raises:
            Refused: Why not.
        """
        listing = self.listing(request.symbol)
        if listing.status is not SymbolStatus.TRADING:
            raise refusals.new_order_rejected(refusals.MARKET_CLOSED)
        self._desk.order_limits[account_id].check(now // NANOS_PER_MS)
        open_orders, before = self._desk.open_orders, legs_before or ()
        types = [
            *(order.order_type for order in open_orders.of_account(account_id, request.symbol)),
            *(leg.order_type for leg in before),
        ]
        context = FilterContext(
            self._market.reference_price(request.symbol, now),
            len(types),
            sum(kind.is_conditional for kind in types),
            None
            if legs_before is None
            else self._desk.order_lists.count(account_id, request.symbol),
        )
        check_filters(request, listing, context)

    def check_list(self, account_id: int, request: NewOrderList, now: Nanos) -> None:
        """Refuse a list of which a leg is not allowed, or whose prices make no pair.

        Raises:
            Refused: Why not.
        """
        legs_before: list[NewOrder] = []
        for leg in request.legs:
            self.check(account_id, leg, now, legs_before=legs_before)
            self.check_client_id(account_id, leg)
            legs_before.append(leg)
        ids = {leg.client_order_id for leg in request.legs}
        key = ListKey(account_id=account_id, list_client_id=request.list_client_id)
        if len(ids) != len(request.legs) or self._desk.order_lists.find(key) is not None:
            raise refusals.new_order_rejected(refusals.DUPLICATE_ORDER)
        above, below = (leg.stop_price or leg.price for leg in request.legs)
        last = self._market.klines.last_price(request.above.symbol)
        if not (below < last < above if last else below < above):
            raise refusals.new_order_rejected(refusals.BAD_PRICE_RELATION)

    def check_client_id(self, account_id: int, request: NewOrder) -> None:
        """Refuse an order whose client id is that of an open one.

        Raises:
            Refused: It is.
        """
        if self._desk.open_orders.has_client_id(
            account_id, request.symbol, request.client_order_id
        ):
            raise refusals.new_order_rejected(refusals.DUPLICATE_ORDER)

    def check_prospects(self, order: VenueOrder) -> None:
        """Refuse what must rest and would trade, or must wait and would be triggered at once.

        Raises:
            Refused: It would.
        """
        if order.order_type is OrderType.LIMIT_MAKER and crosses(
            order, self._market.book(order.symbol)
        ):
            raise refusals.new_order_rejected(refusals.WOULD_TAKE)
        last = self._market.klines.last_price(order.symbol)
        if order.is_waiting and last and PriceSpan(last, last).reaches(order):
            raise refusals.new_order_rejected(refusals.WOULD_TRIGGER)

    def new_order(self, account_id: int, request: NewOrder, now: Nanos) -> VenueOrder:
        """Make the order, its quantity derived from the book where it came as a quote amount."""
        order = VenueOrder(
            order_id=0,
            account_id=account_id,
            symbol=request.symbol,
            client_order_id=request.client_order_id,
            side=request.side,
            order_type=request.order_type,
            time_in_force=request.time_in_force,
            price=request.price,
            quantity=request.quantity,
            quote_quantity=request.quote_quantity,
            stp_mode=request.stp_mode,
            created_at=now,
            updated_at=now,
            stop_price=request.stop_price,
            working_at=0 if request.order_type.is_conditional else now,
        )
        if request.quote_quantity:
            order.quantity = self._derived_quantity(order)
        order.open_quantity = order.quantity
        return order

    def _derived_quantity(self, order: VenueOrder) -> Quantity:
        listing = self.listing(order.symbol)
        offers = self._market.book(order.symbol).offers_to(order)
        quantity = affordable_quantity(offers, order.quote_quantity, listing.step_size)
        if quantity == 0:
            raise refusals.new_order_rejected(refusals.THIN_BOOK)
        if quantity > listing.market_max_quantity:
            raise refusals.filter_failure("MARKET_LOT_SIZE")
        return quantity

    def required_funds(self, order: VenueOrder) -> Amount:
        """Return what the order must hold back.

        Raises:
            Refused: The account has less than that.
        """
        listing = self.listing(order.symbol)
        if order.side is Side.SELL:
            asset, required = listing.base_asset, order.quantity
        elif order.order_type is OrderType.MARKET:
            asset = listing.quote_asset
            required = market_cost(order, self._market.book(order.symbol))
        else:
            price = order.price or order.stop_price
            asset, required = listing.quote_asset, notional(price, order.quantity)
        if required > self._desk.accounts[order.account_id].free(asset):
            raise refusals.new_order_rejected(refusals.INSUFFICIENT_BALANCE)
        return required

    def reach(self, order: VenueOrder, now: Nanos) -> Reach:
        """Return how far an order may follow the price: its own limit, and the symbol's range."""
        wish = None if order.order_type.trades_at_market else order.price
        price_range = self.listing(order.symbol).price_range
        reference = self._market.reference_price(order.symbol, now)
        if price_range is None or reference == 0:
            return Reach(order.side, wish, wish)
        multiple = price_range.up if order.side is Side.BUY else price_range.down
        bound = reference * multiple // SCALE
        return Reach(order.side, wish, bound if wish is None else nearer(order.side, wish, bound))
