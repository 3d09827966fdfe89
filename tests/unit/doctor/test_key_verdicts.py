"""Verdicts on what a key may do: whatever it may do beyond trading needs its owner's word."""

import msgspec
import pytest

from genesis.config_exchange import CredentialSettings
from genesis.doctor.key_verdicts import judge_restrictions
from genesis.doctor.report import Check
from genesis.exchange.binance.key_restrictions import KeyRestrictions

NOW_MS = 1_780_000_000_000
DAY_MS = 86_400_000
GOOD = KeyRestrictions(
    ip_restrict=True,
    enable_reading=True,
    enable_spot_and_margin_trading=True,
    enable_withdrawals=False,
    enable_internal_transfer=False,
    permits_universal_transfer=False,
)


def judge(*told: str, **changes: object) -> dict[str, Check]:
    """Return every check, by name, of a good key with some of its rights changed.

    `told` are the exceptions that its owner makes.
    """
    key = msgspec.structs.replace(GOOD, **changes)
    settings = CredentialSettings.model_validate(dict.fromkeys(told, True))
    return {check.name: check for check in judge_restrictions(key, settings, NOW_MS)}


def test_a_key_that_trades_spot_from_one_place_and_nothing_else_is_good() -> None:
    """The least that trading needs."""
    assert {check.result.value for check in judge().values()} == {"ok"}


@pytest.mark.parametrize("right", ["enable_reading", "enable_spot_and_margin_trading"])
def test_what_trading_needs_must_be_given(right: str) -> None:
    """Without either, every order would be refused."""
    check = judge(**{right: False})["key rights"]
    assert (check.result, check.exit_code) == ("fail", 78)


@pytest.mark.parametrize(
    ("name", "changes", "exception"),
    [
        ("key withdrawals", {"enable_withdrawals": True}, "allow_withdrawals"),
        ("key transfers", {"enable_internal_transfer": True}, "allow_transfers"),
        ("key transfers", {"permits_universal_transfer": True}, "allow_transfers"),
        ("key address", {"ip_restrict": False}, "allow_any_ip"),
    ],
)
def test_a_key_that_can_lose_more_is_refused_unless_told(
    name: str, changes: dict[str, bool], exception: str
) -> None:
    """The remedy names the setting; with it, the check still warns. No other setting will do."""
    refused = judge(**changes)[name]
    assert (refused.result, refused.exit_code) == ("fail", 78)
    assert f"credentials.{exception} = true" in refused.remedy
    assert judge(exception, **changes)[name].result == "warn"
    others = {"allow_withdrawals", "allow_transfers", "allow_any_ip"} - {exception}
    assert judge(*others, **changes)[name].result == "fail"


@pytest.mark.parametrize(
    "right",
    [
        "enable_margin",
        "enable_futures",
        "enable_vanilla_options",
        "enable_portfolio_margin_trading",
    ],
)
def test_other_products_are_worth_a_warning(right: str) -> None:
    """They are not used, and could be lost with the key."""
    assert judge(**{right: True})["key products"].result == "warn"


@pytest.mark.parametrize(("days", "result"), [(-1, "fail"), (0, "warn"), (29, "warn"), (30, "ok")])
def test_a_right_that_expires_is_told_in_time(days: int, result: str) -> None:
    """A month before the engine would be locked out of its own positions."""
    expires_ms = NOW_MS + days * DAY_MS
    assert judge(trading_authority_expiration_time=expires_ms)["key expiry"].result == result
