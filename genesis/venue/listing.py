"""What the venue lists: the trading rules of each symbol (`binance-spot.md` section 9.1)."""

import enum
from typing import Final, NamedTuple

import msgspec

from genesis.errors import ConfigError
from genesis.units import SCALE, Amount, Price, Quantity, fixed_from_text

MAX_NOTIONAL: Final[Amount] = 9_000_000 * SCALE
MULTIPLIER_UP: Final = 5 * SCALE
MULTIPLIER_DOWN: Final = SCALE // 5
AVERAGE_PRICE_MINUTES: Final = 5
MAX_NUM_ORDERS: Final = 200
MAX_NUM_ORDER_LISTS: Final = 20
MAX_NUM_ALGO_ORDERS: Final = 5

_QUOTE_ASSETS: Final = ("FDUSD", "USDT", "USDC", "TUSD", "BUSD", "EUR", "TRY", "BTC", "ETH", "BNB")


class SymbolStatus(enum.StrEnum):
    """Whether a symbol trades, as the protocol spells it."""

    TRADING = "TRADING"
    END_OF_DAY = "END_OF_DAY"
    HALT = "HALT"
    BREAK = "BREAK"
    CANCEL_ONLY = "CANCEL_ONLY"


HALTED_STATUSES: Final = frozenset(SymbolStatus) - {SymbolStatus.TRADING}
"""In which nobody trades. Orders are canceled with CANCEL_ONLY alone (section 7.1)."""


class TradingRules(NamedTuple):
    """The rules of a symbol that may change while it trades."""

    tick_size: Price
    step_size: Quantity
    min_notional: Amount


class PriceRange(NamedTuple):
    """How far from the reference price a taker trades: multiples of it, scaled by 10**8."""

    up: Amount
    down: Amount


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """One listed symbol and its rules; prices, quantities and amounts are scaled integers."""

    symbol: str
    base_asset: str
    quote_asset: str
    tick_size: Price
    step_size: Quantity
    min_notional: Amount
    max_price: Price
    max_quantity: Quantity
    market_max_quantity: Quantity
    status: SymbolStatus = SymbolStatus.TRADING
    price_range: PriceRange | None = None

    def floor_quantity(self, quantity: Quantity) -> Quantity:
        """Round down to a whole step."""
        return quantity - quantity % self.step_size


# symbol, tickSize, stepSize, minNotional, maxPrice, LOT_SIZE maxQty, MARKET_LOT_SIZE maxQty. The
# first twenty are the model's default instruments. Where the sheet has no figure, the neighbors' is
# taken.
_RULES: Final = """
BTCUSDT   0.01       0.00001 5 1000000 9000        141.67845966
ETHUSDT   0.01       0.0001  5 1000000 9000        3125
BNBUSDT   0.01       0.001   5 100000  900000      5000
SOLUSDT   0.01       0.001   5 10000   90000       64306
XRPUSDT   0.0001     0.1     5 10000   9222449     4886361
DOGEUSDT  0.00001    1       1 1000    9000000     9000000
ADAUSDT   0.0001     0.1     5 1000    900000      900000
TRXUSDT   0.0001     0.1     5 1000    9000000     9000000
LINKUSDT  0.001      0.01    5 10000   90000       90000
AVAXUSDT  0.001      0.01    5 10000   90000       90000
LTCUSDT   0.01       0.001   5 100000  90000       20000
BCHUSDT   0.1        0.001   5 100000  90000       10000
DOTUSDT   0.001      0.01    5 10000   90000       90000
NEARUSDT  0.001      0.1     5 1000    900000      500000
UNIUSDT   0.001      0.01    5 10000   90000       90000
AAVEUSDT  0.01       0.001   5 100000  900000      10000
SUIUSDT   0.0001     0.1     5 1000    92141578    3000000
PEPEUSDT  0.00000001 1       1 0.1     92233720368 92233720368
SHIBUSDT  0.00000001 1       1 1       46116860414 46116860414
WIFUSDT   0.0001     0.01    1 1000    92141578    1000000
XLMUSDT   0.0001     1       5 1000    9000000     9000000
HBARUSDT  0.00001    1       5 1000    9000000     9000000
TONUSDT   0.001      0.01    5 10000   90000       90000
ATOMUSDT  0.001      0.01    5 10000   90000       90000
APTUSDT   0.001      0.01    5 10000   90000       90000
ICPUSDT   0.001      0.01    5 10000   90000       90000
ETCUSDT   0.01       0.01    5 10000   90000       90000
FILUSDT   0.0001     0.01    5 10000   90000       90000
ENAUSDT   0.0001     0.01    5 1000    9000000     9000000
ARBUSDT   0.0001     0.1     5 1000    900000      900000
WLDUSDT   0.0001     0.1     5 1000    900000      900000
TAOUSDT   0.1        0.0001  5 100000  9000        9000
ZECUSDT   0.01       0.001   5 100000  90000       20000
TRUMPUSDT 0.001      0.001   1 10000   900000      900000
BONKUSDT  0.00000001 1       1 1       46116860414 46116860414
USDCUSDT  0.00001    1       5 1000    9000000     9000000
FDUSDUSDT 0.0001     1       5 1000    9000000     9000000
"""


def split_symbol(symbol: str) -> tuple[str, str]:
    """Return base and quote asset of a symbol, told apart by the known quote assets.

    Raises:
        ConfigError: The symbol does not end in a known quote asset.
    """
    for quote_asset in _QUOTE_ASSETS:
        if symbol.endswith(quote_asset) and len(symbol) > len(quote_asset):
            return symbol.removesuffix(quote_asset), quote_asset
    raise ConfigError(
        f"{symbol}: its quote asset is none of {', '.join(_QUOTE_ASSETS)}; "
        "leave the symbol out of the tape"
    )


def _listing_from_row(row: str) -> Listing:
    symbol, *numbers = row.split()
    tick, step, min_notional, max_price, max_quantity, market_max = map(fixed_from_text, numbers)
    base_asset, quote_asset = split_symbol(symbol)
    return Listing(
        symbol=symbol,
        base_asset=base_asset,
        quote_asset=quote_asset,
        tick_size=tick,
        step_size=step,
        min_notional=min_notional,
        max_price=max_price,
        max_quantity=max_quantity,
        market_max_quantity=market_max,
    )


LISTINGS: Final[dict[str, Listing]] = {
    listing.symbol: listing for listing in map(_listing_from_row, _RULES.strip().splitlines())
}

assert all(listing.tick_size * listing.step_size % SCALE == 0 for listing in LISTINGS.values()), (
    "price times quantity is exact to the eighth decimal"
)


def derived_listing(symbol: str, tick_size: Price, step_size: Quantity) -> Listing:
    """Make rules for a symbol that only a tape knows, from the steps its numbers were seen in."""
    base_asset, quote_asset = split_symbol(symbol)
    return Listing(
        symbol=symbol,
        base_asset=base_asset,
        quote_asset=quote_asset,
        tick_size=tick_size,
        step_size=max(step_size, SCALE // tick_size),
        min_notional=5 * SCALE,
        max_price=1_000_000 * SCALE,
        max_quantity=9_000_000 * SCALE,
        market_max_quantity=9_000_000 * SCALE,
    )


def known_listing(symbol: str) -> Listing:
    """Return the rules of a symbol that may have been on an earlier tape only."""
    return LISTINGS.get(symbol) or derived_listing(symbol, 1, 1)
