"""How the model's instruments behave: plausible prices and shares of the activity."""

from collections.abc import Mapping
from typing import Final

from genesis.errors import ConfigError
from genesis.units import Price, fixed_from_text
from genesis.venue.listing import LISTINGS
from genesis.venue.model_instrument import ModelProfile

# symbol, start price, share of the activity, following of the common factor, worth of a level near
# the top in USDT.
_PROFILES: Final = """
BTCUSDT   61800      12  1.0  60000
ETHUSDT   2690       10  1.2  40000
BNBUSDT   511        6   0.9  12000
SOLUSDT   156        7   1.4  15000
XRPUSDT   0.6123     5   1.0  9000
DOGEUSDT  0.10342    5   1.4  7000
ADAUSDT   0.3464     4   1.2  5000
TRXUSDT   0.1284     3   0.5  6000
LINKUSDT  10.431     4   1.3  5000
AVAXUSDT  22.314     4   1.4  5000
LTCUSDT   60.92      3   0.9  5000
BCHUSDT   341.6      3   1.0  5000
DOTUSDT   4.713      3   1.2  4000
NEARUSDT  4.087      3   1.5  4000
UNIUSDT   6.061      3   1.3  4000
AAVEUSDT  99.13      3   1.3  4000
SUIUSDT   0.8312     4   1.6  4000
PEPEUSDT  0.00000834 4   1.8  5000
SHIBUSDT  0.00001392 4   1.5  5000
WIFUSDT   1.7034     3   1.9  3000
XLMUSDT   0.0998     2   1.0  3000
HBARUSDT  0.05512    2   1.2  3000
TONUSDT   6.232      2   0.8  4000
ATOMUSDT  4.721      2   1.1  3000
APTUSDT   5.874      2   1.5  3000
ICPUSDT   7.912      2   1.3  3000
ETCUSDT   19.02      2   1.1  3000
FILUSDT   3.7140     2   1.3  3000
ENAUSDT   0.3321     2   1.9  2500
ARBUSDT   0.5632     2   1.5  2500
WLDUSDT   1.6021     2   1.8  2500
TAOUSDT   281.3      2   1.6  3000
ZECUSDT   37.21      2   1.0  2500
TRUMPUSDT 8.412      2   1.6  2500
BONKUSDT  0.00001832 2   1.9  2500
"""


def model_profiles(
    count: int, marks: Mapping[str, Price], last_trade_ids: Mapping[str, int]
) -> list[ModelProfile]:
    """Return the first `count` instruments, at the prices and trade ids an earlier run ended with.

    Raises:
        ConfigError: The model knows fewer instruments.
    """
    rows = _PROFILES.strip().splitlines()
    if count > len(rows):
        raise ConfigError(
            f"market.instruments: the model knows {len(rows)} instruments, {count} are wanted; "
            f"use {len(rows)} or fewer"
        )
    profiles: list[ModelProfile] = []
    for row in rows[:count]:
        symbol, price, weight, beta, level_notional = row.split()
        profiles.append(
            ModelProfile(
                listing=LISTINGS[symbol],
                start_price=marks.get(symbol, fixed_from_text(price)),
                weight=float(weight),
                beta=float(beta),
                level_notional=float(level_notional),
                first_trade_id=last_trade_ids.get(symbol, 0),
            )
        )
    return profiles
