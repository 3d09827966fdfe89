"""Settings become the core's numbers."""

from decimal import Decimal

from genesis.config import Settings
from genesis.engine.canary import CanaryRules
from genesis.engine.protection import ProtectionRules
from genesis.engine.rules import (
    canary_rules,
    connection_policy,
    order_rules,
    protection_rules,
    risk_limits,
    signal_rules,
)
from genesis.exchange.connection_life import ConnectionPolicy
from genesis.limits import LISTING_REFRESH
from genesis.units import SCALE
from tests.support.builders import SECOND


def test_the_default_is_a_strategist() -> None:
    """Fractions become basis points, money scaled integers, milliseconds nanoseconds."""
    settings = Settings()
    limits = risk_limits(settings)
    assert limits.position_bps == 500
    assert limits.losses.daily_loss_max == 500 * SCALE
    assert limits.losses.drawdown_halt_bps == 1_500
    assert limits.data_age_max == 2_000_000_000
    assert signal_rules(settings).sizing.strategy_count == 120
    rules = order_rules(settings, "ab")
    assert (rules.account_tag, rules.receive_window_ms, rules.fence_margin_ms) == (
        "ab",
        2_000,
        10_000,
    )


def test_the_pace_of_connections_and_questions_is_the_settings_own() -> None:
    """Seconds become nanoseconds; the defaults are the design's."""
    assert connection_policy(Settings()) == ConnectionPolicy()
    assert order_rules(Settings(), "ab").listing_refresh == LISTING_REFRESH
    quick = Settings.model_validate(
        {
            "connections": {
                "rotate_after_s": 23,
                "stable_after_s": 1,
                "retry_delay_max_ms": 500,
                "silence_max_s": 4,
            },
            "exchange": {"listing_refresh_s": 12},
        }
    )
    policy = connection_policy(quick)
    assert (policy.rotate_after, policy.silence_max) == (23 * SECOND, 4 * SECOND)
    assert (policy.stable_after, policy.delay_max) == (SECOND, SECOND // 2)
    assert order_rules(quick, "ab").listing_refresh == 12 * SECOND


def test_a_small_account_has_a_sniper_s_limits() -> None:
    """The daily loss follows the tier."""
    settings = Settings(capital_quote=Decimal(700))
    assert risk_limits(settings).losses.daily_loss_max == 25 * SCALE


def test_a_canary_has_rules_where_one_is_wanted() -> None:
    """Its cap is a scaled amount, its time in nanoseconds, its program the running version."""
    assert canary_rules(Settings(), "1.0") is None
    wanted = Settings.model_validate({"canary": {"enabled": True, "max_notional": "7.5"}})
    assert canary_rules(wanted, "1.0") == CanaryRules(
        program="1.0", max_notional=75 * SCALE // 10, duration=1_800_000_000_000
    )


def test_signals_are_judged_in_exact_parts() -> None:
    """Shares become millionths and ten-thousandths; the age that counts is the risk engine's."""
    rules = signal_rules(
        Settings.model_validate(
            {
                "risk": {"position_fraction": "0.123456", "data_max_age_ms": 1_500},
                "sizing": {"risk_per_trade": "0.000001", "kelly_most": "0.5"},
                "confidence": {"minimum": 0, "prior_trips": 7},
            }
        )
    )
    assert (rules.sizing.position_ppm, rules.sizing.risk_ppm) == (123_456, 1)
    assert (rules.sizing.kelly_part_ppm, rules.sizing.kelly_most_ppm) == (250_000, 500_000)
    assert (rules.confidence.minimum, rules.confidence.prior_trips) == (0, 7)
    assert rules.confidence.data_age_max == 1_500_000_000


def test_protection_has_rules_unless_it_is_switched_off() -> None:
    """Shares become basis points; the default stop is 2 % below what the lots cost."""
    assert protection_rules(Settings()) == ProtectionRules(
        stop_bps=200, data_age_max=2 * SECOND, sale_collar_bps=100
    )
    off = Settings.model_validate({"protection": {"enabled": False}})
    assert protection_rules(off) is None
    following = {"stop": "0.01", "trailing": "0.015", "trailing_step": "0.002", "hold_max_s": 60}
    assert protection_rules(Settings.model_validate({"protection": following})) == ProtectionRules(
        stop_bps=100,
        trailing_bps=150,
        trailing_step_bps=20,
        hold_max=60 * SECOND,
        sale_collar_bps=100,
    )
