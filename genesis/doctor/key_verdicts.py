"""Verdicts on what the venue lets the key do. Pure.

A key that is stolen can lose what it may touch. So one that trades is one that does nothing else,
from nowhere else, unless the settings say that the owner knows.
"""

from collections.abc import Iterator
from typing import Final

from genesis.config_exchange import CredentialSettings
from genesis.doctor.report import Check, fail, ok, warn
from genesis.errors import EXIT_CONFIG
from genesis.exchange.binance.key_restrictions import KeyRestrictions
from genesis.limits import KEY_EXPIRY_NEAR_DAYS

_MS_PER_DAY: Final = 86_400_000


def judge_restrictions(
    key: KeyRestrictions, told: CredentialSettings, now_ms: int
) -> Iterator[Check]:
    """Judge one key; `told` are the exceptions that its owner makes."""
    yield _judge_rights(key)
    yield _judge_excess(
        "key withdrawals",
        what="withdraw",
        may=key.enable_withdrawals,
        exception="credentials.allow_withdrawals",
        is_allowed=told.allow_withdrawals,
    )
    yield _judge_excess(
        "key transfers",
        what="transfer to other accounts",
        may=key.enable_internal_transfer or key.permits_universal_transfer,
        exception="credentials.allow_transfers",
        is_allowed=told.allow_transfers,
    )
    yield _judge_excess(
        "key address",
        what="be used from any address",
        may=not key.ip_restrict,
        exception="credentials.allow_any_ip",
        is_allowed=told.allow_any_ip,
    )
    yield _judge_products(key)
    yield _judge_expiry(key.trading_authority_expiration_time, now_ms)


def _judge_rights(key: KeyRestrictions) -> Check:
    rights = {"read": key.enable_reading, "trade spot": key.enable_spot_and_margin_trading}
    missing = [right for right, is_given in rights.items() if not is_given]
    if missing:
        seen = f"the key may not {' or '.join(missing)}"
        return fail("key rights", seen, "give it these rights at the venue", EXIT_CONFIG)
    return ok("key rights", f"the key may {' and '.join(rights)}")


def _judge_excess(name: str, *, what: str, may: bool, exception: str, is_allowed: bool) -> Check:
    if not may:
        return ok(name, f"the key may not {what}")
    if is_allowed:
        return warn(name, f"the key may {what}, as {exception} accepts", "better take it from it")
    remedy = f"take it from the key at the venue, or use another; {exception} = true accepts it"
    return fail(name, f"the key may {what}", remedy, EXIT_CONFIG)


def _judge_products(key: KeyRestrictions) -> Check:
    rights = {
        "margin": key.enable_margin,
        "futures": key.enable_futures,
        "options": key.enable_vanilla_options,
        "portfolio margin": key.enable_portfolio_margin_trading,
    }
    needless = [right for right, is_given in rights.items() if is_given]
    if needless:
        seen = f"the key may also trade {', '.join(needless)}"
        return warn("key products", seen, "Genesis trades spot: take the others from the key")
    return ok("key products", "spot alone")


def _judge_expiry(expires_ms: int, now_ms: int) -> Check:
    name = "key expiry"
    if not expires_ms:
        return ok(name, "its right to trade does not expire")
    days = (expires_ms - now_ms) // _MS_PER_DAY
    remedy = "renew it at the venue; a key that is bound to an address does not expire"
    if days < 0:
        return fail(name, "its right to trade has expired", remedy, EXIT_CONFIG)
    seen = f"its right to trade expires in {days} days"
    return warn(name, seen, remedy) if days < KEY_EXPIRY_NEAR_DAYS else ok(name, seen)
