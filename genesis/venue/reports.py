"""What clients read of orders, trades and balances: replies and user events as documents.

Key order follows the documents; numbers with a value are text of eight decimals, ids and times are
integers (`binance-spot.md` sections 7.4, 8.1, 10).
"""

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

import msgspec

from genesis.domain.orders import OrderType, Side
from genesis.units import SCALE, Amount, Nanos, text_from_fixed
from genesis.venue.account import Account
from genesis.venue.commissions import DISCOUNTED, FEE_ASSET
from genesis.venue.orders import NO_ORDER_LIST, ExpiryReason, ResponseType, VenueOrder, VenueTrade
from genesis.venue.time_units import VenueTime

JsonObject: TypeAlias = dict[str, object]

NO_TRADE: Final = -1
NOT_WORKING: Final = -1
_ZERO: Final = text_from_fixed(0)
_ONE_BASIS_POINT: Final = SCALE // 10_000


def placement_reply(
    order: VenueOrder, fills: Sequence[VenueTrade], response_type: ResponseType
) -> JsonObject:
    """Return the result of order.place at the wanted level of detail."""
    reply: JsonObject = {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": order.order_list_id,
        "clientOrderId": order.client_order_id,
        "transactTime": VenueTime(order.updated_at),
    }
    if response_type is ResponseType.ACK:
        return reply
    reply |= _sizes(order)
    reply |= _kind(order)
    reply |= _stop(order)
    reply["workingTime"] = _working_time(order)
    reply["selfTradePreventionMode"] = order.stp_mode
    _add_expiry_reason(reply, order)
    if response_type is ResponseType.FULL:
        reply["fills"] = [
            {
                "price": text_from_fixed(fill.price),
                "qty": text_from_fixed(fill.quantity),
                "commission": text_from_fixed(fill.commission),
                "commissionAsset": fill.commission_asset,
                "tradeId": fill.trade_id,
            }
            for fill in fills
        ]
    return reply


def cancel_reply(order: VenueOrder, cancel_id: str) -> JsonObject:
    """Return the result of order.cancel."""
    return {
        "symbol": order.symbol,
        "origClientOrderId": order.client_order_id,
        "orderId": order.order_id,
        "orderListId": order.order_list_id,
        "clientOrderId": cancel_id,
        "transactTime": VenueTime(order.updated_at),
        **_sizes(order),
        **_kind(order),
        **_stop(order),
        "selfTradePreventionMode": order.stp_mode,
    }


def order_reply(order: VenueOrder) -> JsonObject:
    """Return an element of order.status, openOrders.status and allOrders."""
    reply: JsonObject = {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": order.order_list_id,
        "clientOrderId": order.client_order_id,
        "price": text_from_fixed(order.price),
        "origQty": text_from_fixed(order.quantity),
        "executedQty": text_from_fixed(order.executed_quantity),
        "cummulativeQuoteQty": text_from_fixed(order.executed_quote),
        **_kind(order),
        "stopPrice": text_from_fixed(order.stop_price),
        "icebergQty": _ZERO,
        "time": VenueTime(order.created_at),
        "updateTime": VenueTime(order.updated_at),
        "isWorking": bool(order.working_at),
        "workingTime": _working_time(order),
        "origQuoteOrderQty": text_from_fixed(order.quote_quantity),
        "selfTradePreventionMode": order.stp_mode,
    }
    _add_expiry_reason(reply, order)
    return reply


def trade_reply(trade: VenueTrade) -> JsonObject:
    """Return an element of myTrades."""
    return {
        "symbol": trade.symbol,
        "id": trade.trade_id,
        "orderId": trade.order_id,
        "orderListId": NO_ORDER_LIST,
        "price": text_from_fixed(trade.price),
        "qty": text_from_fixed(trade.quantity),
        "quoteQty": text_from_fixed(trade.quote_quantity),
        "commission": text_from_fixed(trade.commission),
        "commissionAsset": trade.commission_asset,
        "time": VenueTime(trade.traded_at),
        "isBuyer": trade.side is Side.BUY,
        "isMaker": trade.is_maker,
        "isBestMatch": True,
    }


def account_reply(
    account: Account, maker_fee: int, taker_fee: int, *, omit_zero_balances: bool
) -> JsonObject:
    """Return the result of account.status; fees are rates scaled by 10**8."""
    balances = [
        {
            "asset": asset,
            "free": text_from_fixed(balance.free),
            "locked": text_from_fixed(balance.locked),
        }
        for asset, balance in sorted(account.balances.items())
        if balance.free or balance.locked or not omit_zero_balances
    ]
    return {
        "makerCommission": maker_fee // _ONE_BASIS_POINT,
        "takerCommission": taker_fee // _ONE_BASIS_POINT,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": text_from_fixed(maker_fee),
            "taker": text_from_fixed(taker_fee),
            "buyer": _ZERO,
            "seller": _ZERO,
        },
        "canTrade": True,
        "canWithdraw": True,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": VenueTime(account.updated_at),
        "accountType": "SPOT",
        "balances": balances,
        "permissions": ["SPOT"],
        "uid": account.account_id,
    }


def commission_reply(
    symbol: str, maker_fee: int, taker_fee: int, *, fees_in_bnb: bool
) -> JsonObject:
    """Return the result of account.commission; fees are rates scaled by 10**8."""
    either_side = {"buyer": _ZERO, "seller": _ZERO}
    none = {"maker": _ZERO, "taker": _ZERO, **either_side}
    return {
        "symbol": symbol,
        "standardCommission": {**_rates(maker_fee, taker_fee), **either_side},
        "specialCommission": none,
        "taxCommission": none,
        "discount": _discount(is_enabled=fees_in_bnb),
    }


def order_commission_reply(maker_fee: int, taker_fee: int, *, fees_in_bnb: bool) -> JsonObject:
    """Return the result of order.test with the rates that the order would pay."""
    return {
        "standardCommissionForOrder": _rates(maker_fee, taker_fee),
        "specialCommissionForOrder": _rates(0, 0),
        "taxCommissionForOrder": _rates(0, 0),
        "discount": _discount(is_enabled=fees_in_bnb),
    }


def _discount(*, is_enabled: bool) -> JsonObject:
    return {
        "enabledForAccount": is_enabled,
        "enabledForSymbol": is_enabled,
        "discountAsset": FEE_ASSET,
        "discount": text_from_fixed(DISCOUNTED if is_enabled else 0),
    }


def _rates(maker_fee: int, taker_fee: int) -> JsonObject:
    return {"maker": text_from_fixed(maker_fee), "taker": text_from_fixed(taker_fee)}


class ReportCause(msgspec.Struct, frozen=True, kw_only=True):
    """Why an executionReport is sent. `fill` is set for a trade, `cancel_id` for a cancel."""

    execution_type: str
    execution_id: int
    is_working: bool
    event_at: Nanos
    fill: VenueTrade | None = None
    cancel_id: str = ""


def execution_report(order: VenueOrder, cause: ReportCause) -> JsonObject:
    """Return the executionReport of an order as it is now."""
    fill = cause.fill
    report: JsonObject = {
        "e": "executionReport",
        "E": VenueTime(cause.event_at),
        "s": order.symbol,
        "c": cause.cancel_id or order.client_order_id,
        "S": order.side.name,
        "o": order.order_type.name,
        "f": order.time_in_force.name,
        "q": text_from_fixed(order.quantity),
        "p": text_from_fixed(order.price),
        "P": text_from_fixed(order.stop_price),
        "F": _ZERO,
        "g": order.order_list_id,
        "C": order.client_order_id if cause.cancel_id else "",
        "x": cause.execution_type,
        "X": order.status,
        "r": "NONE",
        "i": order.order_id,
        "l": text_from_fixed(fill.quantity) if fill else _ZERO,
        "z": text_from_fixed(order.executed_quantity),
        "L": text_from_fixed(fill.price) if fill else _ZERO,
        "n": text_from_fixed(fill.commission) if fill else "0",
        "N": fill.commission_asset if fill else None,
        "T": VenueTime(order.updated_at),
        "t": fill.trade_id if fill else NO_TRADE,
        "I": cause.execution_id,
        "w": cause.is_working,
        "m": fill.is_maker if fill else False,
        "M": fill is not None,
        "O": VenueTime(order.created_at),
        "Z": text_from_fixed(order.executed_quote),
        "Y": text_from_fixed(fill.quote_quantity) if fill else _ZERO,
        "Q": text_from_fixed(order.quote_quantity),
        "V": order.stp_mode,
    }
    if order.working_at:
        report["W"] = VenueTime(order.working_at)
    if order.expiry_reason is not ExpiryReason.NONE:
        report["eR"] = order.expiry_reason
    return report


def account_position(account: Account, assets: Iterable[str], event_at: Nanos) -> JsonObject:
    """Return the outboundAccountPosition of the assets that a step touched."""
    return {
        "e": "outboundAccountPosition",
        "E": VenueTime(event_at),
        "u": VenueTime(account.updated_at),
        "B": [
            {
                "a": asset,
                "f": text_from_fixed(account.balances[asset].free),
                "l": text_from_fixed(account.balances[asset].locked),
            }
            for asset in assets
        ],
    }


def balance_update(asset: str, amount: Amount, event_at: Nanos) -> JsonObject:
    """Return the balanceUpdate of a transfer in, or with a negative amount out."""
    sign = "-" if amount < 0 else ""
    return {
        "e": "balanceUpdate",
        "E": VenueTime(event_at),
        "a": asset,
        "d": sign + text_from_fixed(abs(amount)),
        "T": VenueTime(event_at),
    }


def _sizes(order: VenueOrder) -> JsonObject:
    return {
        "price": text_from_fixed(order.price),
        "origQty": text_from_fixed(order.quantity),
        "executedQty": text_from_fixed(order.executed_quantity),
        "origQuoteOrderQty": text_from_fixed(order.quote_quantity),
        "cummulativeQuoteQty": text_from_fixed(order.executed_quote),
    }


def _kind(order: VenueOrder) -> JsonObject:
    return {
        "status": order.status,
        "timeInForce": order.time_in_force.name,
        "type": order.order_type.name,
        "side": order.side.name,
    }


def _stop(order: VenueOrder) -> JsonObject:
    is_conditional = order.order_type.is_conditional
    return {"stopPrice": text_from_fixed(order.stop_price)} if is_conditional else {}


def _working_time(order: VenueOrder) -> VenueTime | int:
    return VenueTime(order.working_at) if order.working_at else NOT_WORKING


def _add_expiry_reason(reply: JsonObject, order: VenueOrder) -> None:
    if order.expiry_reason is not ExpiryReason.NONE:
        reply["expiryReason"] = order.expiry_reason


assert {kind.name for kind in OrderType} == {
    *("LIMIT", "MARKET", "LIMIT_MAKER"),
    *("STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"),
}, "the names of the domain are the protocol's"
