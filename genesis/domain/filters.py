"""The venue's filters, checked before an order is sent (`binance-spot.md` section 9). Pure.

They are tested in the order in which the venue lists and tests them, and the first failure is
reported in the venue's own words. Nobody passes them for being prudent: an order that only shrinks
a position is bound by them as well. All remainders are of scaled integers.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from genesis.domain.instruments import TRADING, Instrument, PriceBand
from genesis.domain.order_lists import OrderListIntent
from genesis.domain.orders import OrderIntent, OrderType, Refusal, RefusalRule, Side
from genesis.units import SCALE, Amount, Price, Quantity, notional, text_from_fixed


class FilterFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the filters look at, beside the order and the rules of its instrument.

    `market_price` stands for the venue's reference price, which it takes from an index or from an
    average of minutes: the middle of the present quote, or 0 without one. Open orders are all of
    the account's, those in flight and those of other clients too; algorithmic ones are among them.
    `sellable` is what the strategy holds and does not already sell; `base_balance` is what the
    account holds of the base asset, `open_buy_quantity` what its open orders may add.
    `open_algo_orders` are the conditional ones of the open orders, `open_order_lists` the lists
    whose legs are among them. `own_` counts are of those that are ours.
    """

    market_price: Price
    sellable: Quantity
    base_balance: Amount
    open_buy_quantity: Quantity
    open_orders: int
    open_orders_of_account: int
    open_algo_orders: int = 0
    open_order_lists: int = 0
    own_orders: int = 0
    own_algo_orders: int = 0


class _Case(NamedTuple):
    """One intent before the filters."""

    intent: OrderIntent
    rules: Instrument
    facts: FilterFacts
    is_leg: bool = False

    @property
    def is_market(self) -> bool:
        return self.intent.order_type is OrderType.MARKET

    @property
    def trades_at_market(self) -> bool:
        return self.intent.order_type.trades_at_market

    @property
    def market_price(self) -> Price:
        """Return what a market order is valued at; without a quote, the price it was sized at."""
        return self.facts.market_price or self.intent.reference_price

    @property
    def worth(self) -> Amount:
        """Return what the order is worth: at its limit, at its trigger, or at the market."""
        price = self.intent.limit_price or self.intent.trigger_price
        return notional(self.market_price if self.is_market else price, self.intent.quantity)


def check_filters(intent: OrderIntent, rules: Instrument, facts: FilterFacts) -> Refusal | None:
    """Return the first filter that would refuse an order, or None if all let it pass.

    A market order must be worth 1 % more than the minimum, since the price that the venue values it
    at is not known (section 12.5).
    """
    return _first_failure(_Case(intent, rules, facts))


def check_list_filters(
    intent: OrderListIntent, rules: Instrument, facts: FilterFacts
) -> Refusal | None:
    """Return the first filter that would refuse a leg of an order list, as `check_filters` does.

    The venue counts each leg as an order of its own, and the second behind the first.
    """
    for leg in intent.legs:
        refusal = _first_failure(_Case(leg, rules, facts, is_leg=True))
        if refusal is not None:
            return refusal
        facts = msgspec.structs.replace(
            facts,
            open_orders=facts.open_orders + 1,
            open_orders_of_account=facts.open_orders_of_account + 1,
            open_algo_orders=facts.open_algo_orders + leg.order_type.is_conditional,
        )
    return None


def _first_failure(case: _Case) -> Refusal | None:
    for check in _CHECKS:
        refusal = check(case)
        if refusal is not None:
            return refusal
    return None


def _failure(rule: RefusalRule, filter_name: str, limit: str, observed: str) -> Refusal:
    return Refusal(
        rule=rule, limit=limit, observed=observed, wording=f"Filter failure: {filter_name}"
    )


def _amount_failure(rule: RefusalRule, filter_name: str, limit: int, observed: int) -> Refusal:
    return _failure(rule, filter_name, text_from_fixed(limit), text_from_fixed(observed))


def _check_status(case: _Case) -> Refusal | None:
    if case.rules.is_trading:
        return None
    return Refusal(
        rule=RefusalRule.SUSPENDED,
        limit=TRADING,
        observed=case.rules.status,
        wording="Market is closed.",
    )


def _check_dust(case: _Case) -> Refusal | None:
    """Refuse a sale of all that is left, where that is too little for the venue.

    There is nothing wrong with the order: no other would do either, until the price or the position
    has grown.
    """
    intent, rules, sellable = case.intent, case.rules, case.facts.sellable
    if intent.side is not Side.SELL or sellable <= 0:
        return None
    if intent.quantity < rules.floor_quantity(sellable):
        return None
    least_quantity = max(1, rules.min_quantity)
    if intent.quantity < least_quantity:
        return _amount_failure(RefusalRule.DUST, "LOT_SIZE", least_quantity, intent.quantity)
    least_worth, _ = rules.notional_bounds(is_market=case.is_market)
    if case.worth < least_worth:
        return _amount_failure(RefusalRule.DUST, rules.notional_filter, least_worth, case.worth)
    return None


def _check_price(case: _Case) -> Refusal | None:
    """Hold the limit and the trigger to the filter alike, whichever of them the type has."""
    rules, intent = case.rules, case.intent
    prices = [] if case.trades_at_market else [intent.limit_price]
    prices += [intent.trigger_price] if intent.order_type.is_conditional else []
    for price in prices:
        if not max(1, rules.min_price) <= price <= rules.max_price or price % rules.tick_size:
            limit = _range(rules.min_price, rules.max_price, rules.tick_size)
            return _failure(RefusalRule.PRICE_FILTER, "PRICE_FILTER", limit, text_from_fixed(price))
    return None


def _check_lot(case: _Case) -> Refusal | None:
    rules, quantity = case.rules, case.intent.quantity
    is_within = max(1, rules.min_quantity) <= quantity <= rules.max_quantity
    if is_within and quantity % rules.step_size == 0:
        return None
    limit = _range(rules.min_quantity, rules.max_quantity, rules.step_size)
    return _failure(RefusalRule.LOT_SIZE, "LOT_SIZE", limit, text_from_fixed(quantity))


def _check_market_lot(case: _Case) -> Refusal | None:
    """Market orders have bounds of their own beside those of LOT_SIZE; 0 switches one off.

    A stop is held to them as well: it is a market order when it matters.
    """
    rules, quantity = case.rules, case.intent.quantity
    if not case.trades_at_market:
        return None
    is_within = quantity >= rules.market_min_quantity and (
        not rules.market_max_quantity or quantity <= rules.market_max_quantity
    )
    if is_within and not (rules.market_step_size and quantity % rules.market_step_size):
        return None
    limit = _range(rules.market_min_quantity, rules.market_max_quantity, rules.market_step_size)
    return _failure(
        RefusalRule.MARKET_LOT_SIZE, "MARKET_LOT_SIZE", limit, text_from_fixed(quantity)
    )


def _check_price_band(case: _Case) -> Refusal | None:
    """Refuse a limit price beyond the multiples of the reference: for us, the quote's middle.

    Without a quote there is nothing to compare with, and the venue itself has the last word. It has
    it too where its own reference, an average over minutes, lies elsewhere: then a refusal costs a
    request and no order, while to narrow the band here would cost orders that the venue would take.
    """
    band, reference = case.rules.price_band, case.facts.market_price
    if band is None or case.trades_at_market or not reference:
        return None
    down, up = _multipliers(band, case.intent.side)
    price = case.intent.limit_price
    if reference * down <= price * SCALE <= reference * up:
        return None
    limit = f"{text_from_fixed(down)}..{text_from_fixed(up)} times {text_from_fixed(reference)}"
    return _failure(RefusalRule.PERCENT_PRICE, band.filter_name, limit, text_from_fixed(price))


def _check_notional(case: _Case) -> Refusal | None:
    name, worth = case.rules.notional_filter, case.worth
    least, most = case.rules.notional_bounds(is_market=case.is_market)
    if worth < least:
        return _amount_failure(RefusalRule.MIN_NOTIONAL, name, least, worth)
    if worth > most:
        return _amount_failure(RefusalRule.MAX_NOTIONAL, name, most, worth)
    return None


def _check_open_orders(case: _Case) -> Refusal | None:
    limit, observed = case.rules.max_open_orders, case.facts.open_orders
    if not limit or observed < limit:
        return None
    return _failure(RefusalRule.MAX_NUM_ORDERS, "MAX_NUM_ORDERS", str(limit), str(observed))


def _check_order_lists(case: _Case) -> Refusal | None:
    """No list is an order: that an order is a leg of a new one, `check_list_filters` says."""
    limit, observed = case.rules.max_order_lists, case.facts.open_order_lists
    if not limit or not case.is_leg or observed < limit:
        return None
    return _failure(
        RefusalRule.MAX_NUM_ORDER_LISTS, "MAX_NUM_ORDER_LISTS", str(limit), str(observed)
    )


def _check_algo_orders(case: _Case) -> Refusal | None:
    limit, observed = case.rules.max_algo_orders, case.facts.open_algo_orders
    if not limit or not case.intent.order_type.is_conditional or observed < limit:
        return None
    return _failure(
        RefusalRule.MAX_NUM_ALGO_ORDERS, "MAX_NUM_ALGO_ORDERS", str(limit), str(observed)
    )


def _check_position(case: _Case) -> Refusal | None:
    """Refuse a buy that could carry the account past its maximum, all open buys counted whole."""
    limit = case.rules.max_position
    if not limit or case.intent.side is not Side.BUY:
        return None
    after = case.facts.base_balance + case.facts.open_buy_quantity + case.intent.quantity
    if after <= limit:
        return None
    return _amount_failure(RefusalRule.MAX_POSITION, "MAX_POSITION", limit, after)


def _check_open_orders_of_account(case: _Case) -> Refusal | None:
    limit, observed = case.rules.max_open_orders_of_account, case.facts.open_orders_of_account
    if not limit or observed < limit:
        return None
    return _failure(
        RefusalRule.EXCHANGE_MAX_NUM_ORDERS, "EXCHANGE_MAX_NUM_ORDERS", str(limit), str(observed)
    )


def _multipliers(band: PriceBand, side: Side) -> tuple[int, int]:
    if side is Side.BUY:
        return band.bid_multiplier_down, band.bid_multiplier_up
    return band.ask_multiplier_down, band.ask_multiplier_up


def _range(least: int, most: int, step: int) -> str:
    return f"{text_from_fixed(least)}..{text_from_fixed(most)} by {text_from_fixed(step)}"


# The order is that of the listing (section 8.2). Our own two come first: no order of any size would
# be taken where they say no.
_CHECKS: Final[tuple[Callable[[_Case], Refusal | None], ...]] = (
    _check_status,
    _check_dust,
    _check_price,
    _check_lot,
    _check_market_lot,
    _check_price_band,
    _check_notional,
    _check_open_orders,
    _check_order_lists,
    _check_algo_orders,
    _check_position,
    _check_open_orders_of_account,
)
