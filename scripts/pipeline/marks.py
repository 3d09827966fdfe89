"""The rule by which both sides of the comparison order; it needs the standard library alone.

Quotes of one symbol whose update id is a multiple of `SPACING` are marked. Whoever sees a marked
quote buys, at once or not at all, below the market, so that nothing ever trades. The quantity tells
which quote an order answers, so that the venue can pair them whoever asks.
"""

from typing import Final

SYMBOL: Final = "BTCUSDT"
SPACING: Final = 5
STEP: Final = 1_000  # of the symbol's quantity, scaled by 10**8
SCALE: Final = 10**8
API_KEY: Final = "peer" + 60 * "0"  # of a venue that lives as long as one round
API_SECRET: Final = "secret" + 58 * "0"
DISCOUNT_BPS: Final = 20  # of the limit price, below the bid

_STEPS_MIN: Final = 15  # worth more than the venue's minimum
_SERIALS: Final = 200  # no two pending marks share one; the largest is smaller than a usual entry
_TICK: Final = SCALE // 100


def is_marked(update_id: int) -> bool:
    """Tell whether this quote is to be answered."""
    return update_id % SPACING == 0


def quantity_for(update_id: int) -> int:
    """Return the quantity of the order that answers a marked quote, scaled."""
    return (_STEPS_MIN + update_id // SPACING % _SERIALS) * STEP


def price_for(bid_price: int) -> int:
    """Return the limit price of the answer to a quote with this bid, both scaled."""
    price = bid_price * (10_000 - DISCOUNT_BPS) // 10_000
    return price - price % _TICK


def text_of(scaled: int) -> str:
    """Write a scaled number as the venue reads it."""
    return f"{scaled // SCALE}.{scaled % SCALE:08d}"
