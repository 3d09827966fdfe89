"""The settings of a venue that is not ours: the way to it, the key to it, how trading begins."""

from decimal import Decimal
from typing import Literal, TypeAlias

from pydantic import Field

from genesis.config_fields import AbsolutePath, Money, RestUrl, Section, SocketUrl

TimeUnit: TypeAlias = Literal["millisecond", "microsecond"]
"""What a venue can count its times in."""


class ExchangeSettings(Section):
    """How the venue is reached. Each mode knows its addresses; one that is set replaces them."""

    rest_url: RestUrl | None = Field(
        None, description="REST, such as https://api1.binance.com/api/v3. Default: by mode."
    )
    ws_api_url: SocketUrl | None = Field(
        None, description="WebSocket API, with its path `/ws-api/v3`. Default: by mode."
    )
    streams_url: SocketUrl | None = Field(
        None, description="Market streams, with their path `/stream`. Default: by mode."
    )
    ca_file: AbsolutePath | None = Field(
        None,
        description="PEM file of certificate authorities to believe beside the system's own: a "
        "company's, or a test's.",
    )
    listing_refresh_s: int = Field(
        600,
        ge=1,
        le=86_400,
        description="How often trading rules are read anew, s; ten times as often while a symbol "
        "is suspended.",
    )
    time_unit: TimeUnit = Field(
        "millisecond",
        description="What the venue is asked to count its times in; either is understood.",
    )


class CredentialSettings(Section):
    """Where the trading key is, and what it may be able to do. The key is never a setting."""

    key_file: AbsolutePath | None = Field(
        None,
        description="TOML with `api_key` and `private_key` (Ed25519, PEM); mode 0600, ours. Not "
        "used in `sim`, whose venue makes a key of its own in `state_dir`.",
    )
    allow_withdrawals: bool = Field(
        default=False, description="Let a key trade live that may also withdraw. Better: another."
    )
    allow_transfers: bool = Field(
        default=False,
        description="Let a key trade live that may also transfer to other accounts. Better: "
        "another.",
    )
    allow_any_ip: bool = Field(
        default=False,
        description="Let a key trade live that is good from any address. Better: bind it to yours.",
    )


class CanarySettings(Section):
    """How a version of Genesis begins on an account: with small orders, its books compared."""

    enabled: bool | None = Field(
        None, description="Begin so. Default: in mode `live`, which never does without."
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
