"""Valid objects for tests of the exchange: intents, approved orders, instruments, wire frames."""

import base64
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from structlog.typing import FilteringBoundLogger

from genesis.domain.order_ids import OrderIdParts, order_list_ids
from genesis.domain.order_lists import OrderListIntent
from genesis.domain.orders import OrderIntent, OrderType, Side, SignalAction, TimeInForce
from genesis.engine.risk_engine import ApprovedOrder, ApprovedOrderList
from genesis.units import SCALE

Json: TypeAlias = str | int | bool | list["Json"] | dict[str, "Json"] | None

API_KEY: Final = "k" * 64
HMAC_SECRET: Final = "s" * 64
ED25519_KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ED25519_PEM: Final = ED25519_KEY.private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
).decode()
ORDER_ID: Final = "G0a-1-2-3-00"


def quiet_log() -> FilteringBoundLogger:
    """Return a logger that drops everything."""
    log: FilteringBoundLogger = structlog.wrap_logger(
        structlog.PrintLogger(),
        processors=[_drop],
        wrapper_class=structlog.make_filtering_bound_logger(0),
        cache_logger_on_first_use=True,
    )
    return log


def _drop(_logger: object, _method: str, _event: Mapping[str, object]) -> Mapping[str, object]:
    raise structlog.DropEvent


def intent(**changes: object) -> OrderIntent:
    """Return a limit order to buy 0.001 BTC at 60 000, with `changes`."""
    plain = OrderIntent(
        client_order_id=ORDER_ID,
        strategy_id="ema-1",
        symbol="BTCUSDT",
        instrument_id=0,
        side=Side.BUY,
        action=SignalAction.ENTER,
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        quantity=SCALE // 1000,
        limit_price=60_000 * SCALE,
        reference_price=60_000 * SCALE,
        stop_price=0,
        target_price=0,
        expires_at=0,
    )
    return msgspec.structs.replace(plain, **changes)


def approved(**changes: object) -> ApprovedOrder:
    """Return that intent as the risk engine lets it through."""
    return ApprovedOrder(intent=intent(**changes), approved_at=0)


def approved_pair(**changes: object) -> ApprovedOrderList:
    """Return a stop at 59 000 and a target at 61 000 over 0.001 BTC, with changes to both."""
    ids = order_list_ids(OrderIdParts(account="0a", strategy_number=1, epoch=2, sequence=3))
    sale = intent(side=Side.SELL, action=SignalAction.EXIT, **changes)
    stop = msgspec.structs.replace(
        sale,
        client_order_id=ids.stop,
        order_type=OrderType.STOP_LOSS,
        limit_price=0,
        trigger_price=59_000 * SCALE,
    )
    target = msgspec.structs.replace(
        sale,
        client_order_id=ids.target,
        order_type=OrderType.LIMIT_MAKER,
        limit_price=61_000 * SCALE,
    )
    order_list = OrderListIntent(list_client_order_id=ids.order_list, stop=stop, target=target)
    return ApprovedOrderList(intent=order_list, approved_at=0)


def is_signed_by_test_key(params: Mapping[str, Json], payload: bytes) -> bool:
    """Tell whether `params` carry the Ed25519 test key's signature of `payload`."""
    signature = params["signature"]
    assert isinstance(signature, str)
    return base64.b64decode(signature) == ED25519_KEY.sign(payload)


def raw(value: Json) -> msgspec.Raw:
    """Return a value as it lies, unread, in an envelope."""
    return msgspec.Raw(msgspec.json.encode(value))


def order_reply(**changes: Json) -> dict[str, Json]:
    """Return the result of `order.place` for the intent above, resting (sheet section 16.1)."""
    reply: dict[str, Json] = {
        "symbol": "BTCUSDT",
        "orderId": 101,
        "orderListId": -1,
        "clientOrderId": ORDER_ID,
        "transactTime": 1780000000005,
        "price": "60000.00000000",
        "origQty": "0.00100000",
        "executedQty": "0.00000000",
        "origQuoteOrderQty": "0.00000000",
        "cummulativeQuoteQty": "0.00000000",
        "status": "NEW",
        "timeInForce": "GTC",
        "type": "LIMIT",
        "side": "BUY",
        "workingTime": 1780000000005,
        "selfTradePreventionMode": "EXPIRE_MAKER",
    }
    return reply | changes


LIST_ID: Final = "G0a-1-2-3-0z"
STOP_ID: Final = "G0a-1-2-3-01"
TARGET_ID: Final = "G0a-1-2-3-02"


def list_reply(*reports: Json, **changes: Json) -> dict[str, Json]:
    """Return the result of `orderList.status` for the pair above, or with reports of its legs."""
    reply: dict[str, Json] = {
        "orderListId": 0,
        "contingencyType": "OCO",
        "listStatusType": "EXEC_STARTED",
        "listOrderStatus": "EXECUTING",
        "listClientOrderId": LIST_ID,
        "transactionTime": 1780000000005,
        "symbol": "BTCUSDT",
        "orders": [
            {"symbol": "BTCUSDT", "orderId": 102, "clientOrderId": TARGET_ID},
            {"symbol": "BTCUSDT", "orderId": 103, "clientOrderId": STOP_ID},
        ],
    }
    if reports:
        reply["orderReports"] = list(reports)
    return reply | changes


def leg_replies(**changes: Json) -> tuple[dict[str, Json], dict[str, Json]]:
    """Return the placement replies of the stop and the target, with changes to both."""
    common: dict[str, Json] = {"side": "SELL", "orderListId": 0}
    stop: dict[str, Json] = {
        "orderId": 103,
        "clientOrderId": STOP_ID,
        "type": "STOP_LOSS",
        "price": "0.00000000",
        "stopPrice": "59000.00000000",
        "workingTime": -1,
    }
    target: dict[str, Json] = {
        "orderId": 102,
        "clientOrderId": TARGET_ID,
        "type": "LIMIT_MAKER",
        "price": "61000.00000000",
    }
    return (
        order_reply(**(common | stop | changes)),
        order_reply(**(common | target | changes)),
    )


FILLED_NOW: Final[dict[str, Json]] = {
    "status": "FILLED",
    "executedQty": "0.00100000",
    "cummulativeQuoteQty": "59.99960000",
    "fills": [
        {
            "price": "59999.00000000",
            "qty": "0.00040000",
            "commission": "0.00000040",
            "commissionAsset": "BTC",
            "tradeId": 56,
        },
        {
            "price": "60000.00000000",
            "qty": "0.00060000",
            "commission": "0.00000060",
            "commissionAsset": "BTC",
            "tradeId": 57,
        },
    ],
}


def report_event(**changes: Json) -> dict[str, Json]:
    """Return an `executionReport` of the intent above, just accepted (sheet section 16.1)."""
    event: dict[str, Json] = {
        "e": "executionReport",
        "E": 1780000000006,
        "s": "BTCUSDT",
        "c": ORDER_ID,
        "S": "BUY",
        "o": "LIMIT",
        "f": "GTC",
        "q": "0.00100000",
        "p": "60000.00000000",
        "P": "0.00000000",
        "F": "0.00000000",
        "g": -1,
        "C": "",
        "x": "NEW",
        "X": "NEW",
        "r": "NONE",
        "i": 101,
        "l": "0.00000000",
        "z": "0.00000000",
        "L": "0.00000000",
        "n": "0",
        "N": None,
        "T": 1780000000005,
        "t": -1,
        "I": 500,
        "w": True,
        "m": False,
        "M": False,
        "O": 1780000000005,
        "Z": "0.00000000",
        "Y": "0.00000000",
        "Q": "0.00000000",
        "W": 1780000000005,
        "V": "EXPIRE_MAKER",
    }
    return event | changes


MAKER_FILL: Final[dict[str, Json]] = {
    "x": "TRADE",
    "X": "FILLED",
    "l": "0.00100000",
    "z": "0.00100000",
    "L": "60000.00000000",
    "n": "0.00000100",
    "N": "BTC",
    "t": 9001,
    "I": 502,
    "w": False,
    "m": True,
    "M": True,
    "Z": "60.00000000",
    "Y": "60.00000000",
}


def symbol_entry(symbol: str = "BTCUSDT", **changes: Json) -> dict[str, Json]:
    """Return a symbol as `exchangeInfo` lists it, with the filters of sheet section 9.1."""
    entry: dict[str, Json] = {
        "symbol": symbol,
        "status": "TRADING",
        "baseAsset": symbol.removesuffix("USDT"),
        "quoteAsset": "USDT",
        "isSpotTradingAllowed": True,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": "0.01000000",
                "maxPrice": "1000000.00000000",
                "tickSize": "0.01000000",
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": "0.00001000",
                "maxQty": "9000.00000000",
                "stepSize": "0.00001000",
            },
            {"filterType": "ICEBERG_PARTS", "limit": 100},
            {
                "filterType": "MARKET_LOT_SIZE",
                "minQty": "0.00000000",
                "maxQty": "141.67845966",
                "stepSize": "0.00000000",
            },
            {"filterType": "A_FILTER_OF_TOMORROW", "limit": 7},
            {
                "filterType": "PERCENT_PRICE_BY_SIDE",
                "bidMultiplierUp": "5",
                "bidMultiplierDown": "0.2",
                "askMultiplierUp": "4",
                "askMultiplierDown": "0.25",
                "avgPriceMins": 5,
            },
            {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
            {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 20},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
            {
                "filterType": "NOTIONAL",
                "minNotional": "5.00000000",
                "applyMinToMarket": True,
                "maxNotional": "9000000.00000000",
                "applyMaxToMarket": False,
                "avgPriceMins": 5,
            },
        ],
    }
    return entry | changes


def trade_row(trade_id: int, **changes: Json) -> dict[str, Json]:
    """Return one element of `myTrades`."""
    row: dict[str, Json] = {
        "symbol": "BTCUSDT",
        "id": trade_id,
        "orderId": 101,
        "orderListId": -1,
        "price": "60000.00000000",
        "qty": "0.00100000",
        "quoteQty": "60.00000000",
        "commission": "0.06000000",
        "commissionAsset": "USDT",
        "time": 1780000000005,
        "isBuyer": False,
        "isMaker": True,
        "isBestMatch": True,
    }
    return row | changes


def success(request_id: int, result: Json, rate_limits: Sequence[Json] = ()) -> bytes:
    """Return a reply frame of status 200, with the counts that it shows."""
    reply = {"id": request_id, "status": 200, "result": result, "rateLimits": rate_limits}
    return msgspec.json.encode(reply)


def failure(
    request_id: int | None,
    code: int,
    reason: str,
    *,
    status: int = 400,
    retry_at_ms: int = 0,
    told_at_ms: int = 0,
) -> bytes:
    """Return an error frame; it says when to come back, and what time it is, if these are given."""
    error: dict[str, Json] = {"code": code, "msg": reason}
    if retry_at_ms:
        told: dict[str, Json] = {"serverTime": told_at_ms} if told_at_ms else {}
        error["data"] = told | {"retryAfter": retry_at_ms}
    return msgspec.json.encode({"id": request_id, "status": status, "error": error})


def user_event(event: Json) -> bytes:
    """Return an event frame."""
    return msgspec.json.encode({"subscriptionId": 0, "event": event})
