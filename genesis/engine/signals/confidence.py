"""How far a wish for a position is believed: the strategy's own confidence, weighed. Pure.

The score is a product of shares, each at most 1, so that nothing but the strategy itself can make
a signal stronger than the strategy says it is, and each doubt counts by itself::

    score = own x record x market x freshness

- *own*: what the strategy says of this signal.
- *record*: 1/2 plus the share of money won in all that its closed round trips won and lost, at most
  1. Whoever wins as much as he loses is taken at his word, who only loses at half of it. Money
  counts, not the number of wins: a trend follower loses often and little. Of few trips nothing can
  be said, so as many even ones as `prior_trips` are added to the record.
- *market*: the usual spread by the present one, at most 1. A spread is what an error costs at once,
  and widens when those who quote know less than usual. Movement has no part here: the size already
  shrinks with it (`sizing.py`), and what is counted twice is counted wrong.
- *freshness*: 1 for what was received now, falling in a straight line to 1/2 at the age at which
  the risk engine opens nothing any more. The older one counts of the event that caused the signal
  and of the quote that it would trade at: between the two the reason may have gone.

A signal whose score is below the minimum is refused. An exit is not scored: to leave is always
believed. All of it is integers, in ten-thousandths; the strategy's own number, which is a float, is
cut to them here, once.
"""

from typing import Final

from genesis.domain.orders import Refusal, RefusalRule
from genesis.domain.strategy_record import StrategyRecord
from genesis.engine.signals.case import SignalCase
from genesis.units import Nanos, Price

WHOLE: Final = 10_000


def check_confidence(case: SignalCase) -> SignalCase | Refusal:
    """Score an entry, keep the score with it, and refuse it below the minimum."""
    if not case.is_entry:
        return case
    rules, context, now = case.rules.confidence, case.context, case.now
    quote = context.quote
    assert quote is not None, "a stage before this one refuses what has no market"
    own = int(case.signal.confidence * WHOLE)
    record = record_share(context.record, rules.prior_trips)
    market = market_share(quote.bid_price, quote.ask_price, rules.usual_spread_bps)
    age = now - min(quote.received_at, case.signal.received_at)
    freshness = freshness_share(age, rules.data_age_max)
    score = own * record * market * freshness // WHOLE**3
    if score >= rules.minimum:
        return case._replace(confidence_bps=score)
    return Refusal(
        rule=RefusalRule.CONFIDENCE,
        limit=f"at least {_decimal(rules.minimum)}",
        observed=(
            f"{_decimal(score)}: own {_decimal(own)}, record {_decimal(record)}, "
            f"market {_decimal(market)}, freshness {_decimal(freshness)}"
        ),
    )


def record_share(record: StrategyRecord, prior_trips: int) -> int:
    """Return how far a strategy's record lets it be believed, 5 000 to 10 000."""
    turned_over = record.gross_win + record.gross_loss
    if not turned_over or record.gross_win >= record.gross_loss:
        return WHOLE
    trips = record.trips
    won = WHOLE * (2 * record.gross_win * trips + turned_over * prior_trips)
    return WHOLE // 2 + won // (2 * turned_over * (trips + prior_trips))


def market_share(bid: Price, ask: Price, usual_spread_bps: int) -> int:
    """Return how near the spread is to the usual one, 0 to 10 000."""
    spread = ask - bid
    usual = usual_spread_bps * ((bid + ask) // 2)  # in ten-thousandths of a price, as the result is
    return WHOLE if spread * WHOLE <= usual else usual // spread


def freshness_share(age: Nanos, age_max: Nanos) -> int:
    """Return how fresh what was received this long ago is, 0 to 10 000."""
    return min(WHOLE, max(0, WHOLE - WHOLE * age // (2 * age_max)))


def _decimal(share: int) -> str:
    return f"{share // WHOLE}.{share % WHOLE:04d}"
