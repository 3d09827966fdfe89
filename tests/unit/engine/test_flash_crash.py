"""The guard against flash crashes: falls are seen within the window, and forgotten behind it."""

from hypothesis import given
from hypothesis import strategies as st

from genesis.engine.flash_crash import FlashCrashGuard, FlashCrashRules
from genesis.limits import FLASH_SLOTS
from tests.support.builders import NOW, PRICE, SECOND

RULES = FlashCrashRules(fall_bps=500, window=60 * SECOND, pause=300 * SECOND)
SLOT = 4 * SECOND


def test_a_fall_within_the_window_is_seen() -> None:
    """At its limit it strikes, once; just inside it does not."""
    guard = FlashCrashGuard(RULES)
    assert guard.observe("BTCUSDT", PRICE, NOW) == 0
    assert guard.observe("BTCUSDT", PRICE * 9_501 // 10_000, NOW + 59 * SECOND) == 499
    assert guard.take_struck() == {}
    assert guard.observe("BTCUSDT", PRICE * 95 // 100, NOW + 60 * SECOND) == 500
    assert guard.take_struck() == {"BTCUSDT": 500}
    assert guard.take_struck() == {}


def test_a_slow_fall_is_no_crash() -> None:
    """What was high before the window counts no more."""
    guard = FlashCrashGuard(RULES)
    guard.observe("BTCUSDT", PRICE, NOW)
    assert guard.observe("BTCUSDT", PRICE * 94 // 100, NOW + RULES.window + 2 * SLOT) == 0


def test_instruments_are_watched_apart() -> None:
    """One's high is not another's."""
    guard = FlashCrashGuard(RULES)
    guard.observe("BTCUSDT", PRICE, NOW)
    assert guard.observe("ETHUSDT", PRICE // 20, NOW) == 0
    assert guard.observe("BTCUSDT", 0, NOW) == 10_000


@given(st.lists(st.tuples(st.integers(0, 20 * SECOND), st.integers(1, 10**13)), max_size=40))
def test_the_highest_of_the_window_is_known(steps: list[tuple[int, int]]) -> None:
    """Never lower than the window's highest, and never one older than a slot or two more."""
    guard, seen, now = FlashCrashGuard(RULES), [], NOW
    for wait, price in steps:
        now += wait
        seen.append((now, price))
        fall = guard.observe("BTCUSDT", price, now)
        within = max(each for at, each in seen if now - at <= RULES.window)
        around = max(each for at, each in seen if now - at < RULES.window + 2 * SLOT)
        assert (within - price) * 10_000 // within <= fall
        assert fall <= (around - price) * 10_000 // around
        assert len(guard._highs["BTCUSDT"]) <= FLASH_SLOTS + 1
