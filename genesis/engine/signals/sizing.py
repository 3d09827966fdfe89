"""How large an order is: a whole number of the venue's steps, from exact integers alone.

A strategy's *share* is an equal part of the exposure that is allowed. An entry risks a fixed part
of the share: that much is lost if its stop is hit, before fees and slippage. Hence::

    quantity = share * risk / (price - stop)

What it may be worth is bounded by what is left of the share, by the largest position, and by a
canary; then a market that moves more than usual makes it smaller in proportion, so that the size of
a day's swing stays the same. All of this is integers (amounts at 10^-8, parts in millionths), so
the same facts give the same size to the last unit, on any machine.

Once a strategy has closed enough round trips, its record sets the risk in the place of the fixed
one (`kelly_ppm`): a part of what Kelly's rule says, since the rule at full strength bets on a
record being the future, and halves the account on the way too often (E. O. Thorp, The Kelly
Criterion in Blackjack, Sports Betting and the Stock Market, 2006, section 7). A record without a
gain does not end a strategy, it makes it small: the least risk is what it may be tried on with.
"""

from genesis.domain.orders import OrderType, Refusal, RefusalRule
from genesis.domain.strategy_record import StrategyRecord
from genesis.engine.signals.case import PARTS_PER_MILLION, SignalCase, SizingRules
from genesis.units import SCALE, Amount, Price, Quantity, notional, text_from_fixed


def size_order(case: SignalCase) -> SignalCase | Refusal:
    """Give an exit what is held, an entry the size that it named, or else the one that is due.

    A named size is not made smaller here: the risk engine takes it as it is, or refuses it.
    """
    instrument, signal = case.context.instrument, case.signal
    if not case.is_entry:
        return case._replace(quantity=instrument.floor_quantity(_exit_quantity(case)))
    if signal.quantity:
        return case._replace(quantity=instrument.floor_quantity(signal.quantity))
    wanted = _entry_quantity(case)
    quantity = instrument.floor_quantity(wanted)
    least = max(instrument.step_size, instrument.min_quantity)
    if quantity < least:
        return Refusal(
            rule=RefusalRule.SIZE,
            limit=f"at least {text_from_fixed(least)}",
            observed=text_from_fixed(wanted),
        )
    return case._replace(quantity=quantity)


def risk_ppm(record: StrategyRecord, rules: SizingRules) -> int:
    """Return what part of its share a strategy risks on a trade, in millionths."""
    if record.trips < rules.kelly_trips:
        return rules.risk_ppm
    earned = kelly_ppm(record) * rules.kelly_part_ppm // PARTS_PER_MILLION
    return min(max(earned, rules.kelly_least_ppm), rules.kelly_most_ppm)


def kelly_ppm(record: StrategyRecord) -> int:
    """Return the part of its money that growth is fastest with, in millionths; below 0: bet none.

    With a chance p of a win, q of a loss, and b the mean win by the mean loss, Kelly's rule says
    p - q / b (J. L. Kelly, A New Interpretation of Information Rate, 1956). Taken from w wins and l
    losses out of n trips that won W and lost L in all, p = w / n, q = l / n and b = (W / w) /
    (L / l); so it is w * (W - L) / (n * W), which needs no division before the last. A stop stands
    for the mean loss.
    """
    won = record.gross_win
    if not won:
        return -PARTS_PER_MILLION if record.losses else 0
    return record.wins * (won - record.gross_loss) * PARTS_PER_MILLION // (record.trips * won)


def _exit_quantity(case: SignalCase) -> Quantity:
    """Return what is held, or less if so named.

    An exit larger than the venue takes at once is cut to that: what is left can follow.
    """
    signal, context = case.signal, case.context
    most = context.instrument.largest_quantity(is_market=signal.order_type is OrderType.MARKET)
    return min(signal.quantity or context.held, context.held, most)


def _entry_quantity(case: SignalCase) -> Quantity:
    """Return what the risk pays for, within what there is room for, in a market as it is."""
    context, rules, price = case.context, case.rules.sizing, case.price
    equity = max(0, context.equity)
    share = equity * rules.allotment_ppm // (PARTS_PER_MILLION * rules.strategy_count)
    risked = share * risk_ppm(context.record, rules) // PARTS_PER_MILLION
    quantity = min(
        risked * SCALE // _stop_distance(case, price),
        _room(case, share, equity, price) * SCALE // price,
    )
    moves, whole = context.volatility_ppm, rules.volatility_full_ppm
    return quantity if moves <= whole else quantity * whole // moves


def _room(case: SignalCase, share: Amount, equity: Amount, price: Price) -> Amount:
    """Return what the entry may be worth, with what is held and working counted already."""
    context = case.context
    largest = equity * case.rules.sizing.position_ppm // PARTS_PER_MILLION
    room = min(share, largest) - notional(price, context.held + context.working_entry)
    if context.entry_max is not None:
        room = min(room, context.entry_max)
    return max(0, room)


def _stop_distance(case: SignalCase, price: Price) -> Price:
    stop = case.signal.stop_price
    if stop:
        return max(1, price - stop)
    return max(1, price * case.rules.sizing.stop_assumed_ppm // PARTS_PER_MILLION)
