"""The settings of a venue that is not ours: the way to it, the key to it, how trading begins."""

from decimal import Decimal

from pydantic import Field

from genesis.config_fields import AbsolutePath, Money, Section


class ExchangeSettings(Section):
    """How the venue is reached."""

    ca_file: AbsolutePath | None = Field(
        None,
        description="PEM file of certificate authorities to believe beside the system's own: a "
        "company's, or a test's.",
    )


class CredentialSettings(Section):
    """Where the trading key is. The key itself is never a setting."""

    key_file: AbsolutePath | None = Field(
        None,
        description="TOML with `api_key` and `private_key` (Ed25519, PEM); mode 0600, ours. "
        "Default: the simulated venue's own key, made in `state_dir`.",
    )


class CanarySettings(Section):
    """How a version of Genesis begins on an account: with small orders, its books compared."""

    enabled: bool = Field(
        default=False, description="Begin so, and halt at the first difference of books."
    )
    max_notional: Money = Field(
        Decimal(20), description="Largest order that opens a position meanwhile, in `quote_asset`."
    )
    duration_s: int = Field(
        1800,
        ge=1,
        le=7 * 86_400,
        description="How long, s; only time confirmed by comparisons with the venue is counted.",
    )
