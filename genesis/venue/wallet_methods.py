"""What clients of the spot API ask of the venue's other APIs, as far as this venue has an answer.

Permissions and fees are its own; of wallets, margin and futures it has none, and says so in their
words (`binance-spot.md` section 16, items 2). Their weights are counted apart on the live venue.
"""

from typing import Final

from genesis.units import text_from_fixed
from genesis.venue.api_call import Call, Method, Result, Security, costs
from genesis.venue.time_units import VenueTime


def _api_restrictions(call: Call) -> Result:
    """Say what the key that signed may do."""
    may = call.permissions
    return {
        "ipRestrict": may.is_ip_bound,
        "createTime": 0,
        "enableReading": may.reading,
        "enableSpotAndMarginTrading": may.trading,
        "enableWithdrawals": may.withdrawals,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": False,
        "permitsUniversalTransfer": False,
        "enableVanillaOptions": False,
        "enablePortfolioMarginTrading": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": False,
    }


def _trade_fees(call: Call) -> Result:
    rules = call.exchange.rules
    symbol = call.parameters.text("symbol")
    names = list(call.exchange.listings) if symbol is None else [symbol]
    return [
        {
            "symbol": call.exchange.listing(name).symbol,
            "makerCommission": text_from_fixed(rules.maker_fee),
            "takerCommission": text_from_fixed(rules.taker_fee),
        }
        for name in names
    ]


def _none(_: Call) -> Result:
    return []


def _no_futures(call: Call) -> Result:
    return {"timezone": "UTC", "serverTime": VenueTime(call.now), "rateLimits": [], "symbols": []}


WALLET_METHODS: Final[dict[str, Method]] = {
    "/sapi/v1/account/apiRestrictions": Method(costs(0), Security.USER_DATA, _api_restrictions),
    "/sapi/v1/asset/tradeFee": Method(costs(0), Security.USER_DATA, _trade_fees),
    "/sapi/v1/capital/config/getall": Method(costs(0), Security.USER_DATA, _none),
    "/sapi/v1/margin/allPairs": Method(costs(0), Security.NONE, _none),
    "/sapi/v1/margin/isolated/allPairs": Method(costs(0), Security.NONE, _none),
    "/fapi/v1/exchangeInfo": Method(costs(0), Security.NONE, _no_futures),
    "/dapi/v1/exchangeInfo": Method(costs(0), Security.NONE, _no_futures),
}
"""By the path of their GET requests."""
