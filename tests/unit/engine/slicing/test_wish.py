"""The words of a parent order, and what is said of wrong ones."""

import pytest

from genesis.domain.orders import Side
from genesis.engine.slicing.schedule import Algorithm
from genesis.engine.slicing.wish import IMPACT_BPS, wish_of
from genesis.errors import UsageError
from genesis.units import NANOS_PER_SECOND, SCALE

WORDS = {"strategy": "s-1", "side": "buy", "algo": "twap", "over_s": "60", "notional": "50000"}


def test_a_plain_wish_has_sane_limits() -> None:
    """What is not said is bounded all the same."""
    wish = wish_of(WORDS)
    assert (wish.strategy_id, wish.side, wish.algorithm) == ("s-1", Side.BUY, Algorithm.TWAP)
    assert (wish.notional, wish.quantity) == (50_000 * SCALE, 0)
    assert (wish.duration, wish.slices) == (60 * NANOS_PER_SECOND, 30)
    assert (wish.impact_bps, wish.participation_bps) == (IMPACT_BPS, 0)


def test_every_word_is_read() -> None:
    """A VWAP brings its own curve, an iceberg its clip."""
    vwap = wish_of({**WORDS, "algo": "vwap", "curve": "1,0,3", "slices": "5", "impact_bps": "0"})
    assert vwap.curve == (250_000, 250_000, 1_000_000)
    assert (vwap.slices, vwap.impact_bps) == (5, 0)
    words = {**WORDS, "algo": "iceberg", "side": "sell", "clip": "2500", "limit_price": "61000.5"}
    iceberg = wish_of(words)
    assert (iceberg.side, iceberg.clip, iceberg.slices) == (Side.SELL, 2_500 * SCALE, 1)
    assert iceberg.limit_price == 61_000 * SCALE + SCALE // 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"algo": "magic"}, "algo 'magic': iceberg, twap or vwap"),
        ({"side": "short"}, "side 'short': buy or sell"),
        ({"over_s": "soon"}, "over_s 'soon'"),
        ({"over_s": "0"}, "over_s: 1 to"),
        ({"quantity": "1"}, "either notional or quantity"),
        ({"notional": "0"}, "either notional or quantity"),
        ({"notional": "-1"}, "not below 0"),
        ({"notional": "1e5"}, "plain decimal number"),
        ({"slices": "0"}, "at least 1"),
        ({"slices": "99999"}, "slices 99999"),
        ({"impact_bps": "-1"}, "impact_bps -1"),
        ({"algo": "vwap", "curve": "1"}, "curve: 2 to"),
        ({"algo": "vwap", "curve": "0,0"}, "curve: 2 to"),
        ({"algo": "vwap", "curve": "1,-1"}, "curve: 2 to"),
        ({"algo": "vwap", "curve": "1,x"}, "curve '1,x'"),
        ({"speed": "1"}, "unknown word 'speed'"),
    ],
)
def test_a_wrong_word_is_named(changes: dict[str, str], words: str) -> None:
    """One line says which word, and what it may be."""
    with pytest.raises(UsageError, match=words):
        wish_of({**WORDS, **changes})


@pytest.mark.parametrize("missing", ["strategy", "side", "algo", "over_s"])
def test_a_missing_word_is_named(missing: str) -> None:
    """Nothing of what matters is guessed."""
    words = {name: word for name, word in WORDS.items() if name != missing}
    with pytest.raises(UsageError, match=f"{missing} is missing"):
        wish_of(words)
