"""Whose the account's assets are: a sub-ledger for each strategy, and one for the house.

A strategy's sub-ledger has the lots that its trades left and the money they cost or brought. The
house has all that is nobody's: what was there at the start, deposits and withdrawals, trades of
others, and fees in third assets, which it pays. It also holds, in trust, dust (`PositionFigures`)
and the lots of strategies that do not run any more. Together they are the account, to the last
unit: `differences` says where they are not, which is a fault of this program's.
"""

from collections.abc import Collection

from genesis.engine.entries import CapitalAllotted, FeesValued, FillBooked
from genesis.engine.ledger_state import LedgerState
from genesis.engine.order import Order
from genesis.units import Amount, notional


def take_fee(state: LedgerState, order: Order, entry: FillBooked) -> None:
    """Add up fees by asset; one in a third asset is paid by the house."""
    fill = entry.fill
    asset, fee = fill.fee_asset, fill.fee
    state.fees[asset] = state.fees.get(asset, 0) + fee
    if asset == order.quote_asset:
        state.fees_paid += fee
        return
    if asset == order.base_asset:
        state.fees_paid += notional(fill.price, fee)
        return
    state.house_changes[asset] = state.house_changes.get(asset, 0) - fee
    if entry.fee_value is not None:
        state.fees_paid += entry.fee_value
        return
    by_symbol = state.unvalued_fees.setdefault(order.intent.strategy_id, {})
    by_asset = by_symbol.setdefault(order.intent.symbol, {})
    by_asset[asset] = by_asset.get(asset, 0) + fee


def settle_fee(state: LedgerState, entry: FeesValued) -> None:
    """Charge fees that had no price to the position that they were paid for."""
    by_symbol = state.unvalued_fees[entry.strategy_id]
    by_asset = by_symbol[entry.symbol]
    by_asset[entry.asset] -= entry.amount
    assert by_asset[entry.asset] >= 0, "a fee is valued once"
    if not by_asset[entry.asset]:
        del by_asset[entry.asset]
        if not by_asset:
            del by_symbol[entry.symbol]
            if not by_symbol:
                del state.unvalued_fees[entry.strategy_id]
    state.positions[entry.strategy_id][entry.symbol].charge_later(entry.value)
    state.fees_paid += entry.value


def allot_capital(state: LedgerState, entry: CapitalAllotted) -> None:
    """Move the peak and the day's opening with the capital: neither is profit nor loss."""
    if state.capital:
        more = entry.capital - state.capital
        state.peak_equity += more if state.peak_equity else 0
        state.day_opening_equity += more if state.day_opening_equity else 0
    state.capital = entry.capital


def differences(state: LedgerState) -> dict[str, Amount]:
    """Return by how much the account's expected balances exceed all sub-ledgers, by asset.

    It is empty: that is the invariant. Opening balances are the house's on both sides.
    """
    missing = dict(state.balance_changes)
    for asset, amount in state.house_changes.items():
        missing[asset] = missing.get(asset, 0) - amount
    for held in state.positions.values():
        for symbol, position in held.items():
            base, quote = state.pairs[symbol]
            missing[base] = missing.get(base, 0) - position.lots
            missing[quote] = missing.get(quote, 0) - position.cash
    return {asset: amount for asset, amount in sorted(missing.items()) if amount}


def gap_at(state: LedgerState, order: Order, fee_asset: str) -> tuple[Amount, ...]:
    """Return by how much balances exceed what a fill of an order moves in the sub-ledgers.

    The same before and after: then `differences`, which looks at everything, is what it was.
    """
    changes, intent = state.balance_changes, order.intent
    held = state.positions.get(intent.strategy_id, {}).get(intent.symbol)
    lots, cash = (0, 0) if held is None else (held.lots, held.cash)
    base, quote = order.base_asset, order.quote_asset
    gaps = (changes.get(base, 0) - lots, changes.get(quote, 0) - cash)
    if fee_asset in {base, quote}:
        return gaps
    return *gaps, changes.get(fee_asset, 0) - state.house_changes.get(fee_asset, 0)


def house_balances(state: LedgerState, running: Collection[str]) -> dict[str, Amount]:
    """Return what the house holds of each asset, dust and lots of strategies not `running` too."""
    house = dict(state.opening_balances)
    for asset, amount in state.house_changes.items():
        house[asset] = house.get(asset, 0) + amount
    for strategy_id, held in state.positions.items():
        for symbol, position in held.items():
            base = state.pairs[symbol][0]
            lots = position.dust if strategy_id in running else position.lots
            house[base] = house.get(base, 0) + lots
    return {asset: amount for asset, amount in sorted(house.items()) if amount}
