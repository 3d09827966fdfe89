"""The settings of the simulated venue: its market, its rules, and what goes wrong there."""

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from genesis import limits
from genesis.config_fields import AbsolutePath, FeeRate, Section, is_loopback

WindowS = Annotated[int, Field(ge=1, le=86_400)]
"""The window of a rate limit, in whole seconds."""


class MarketSettings(Section):
    """The market that the simulated venue shows."""

    source: Literal["model", "replay"] = Field(
        "model", description="`model`: a seeded market; `replay`: recorded frames from `path`."
    )
    path: AbsolutePath | None = Field(
        None,
        description="A file of recorded frames (.ndjson or .ndjson.gz), or a directory of them.",
    )
    speed: float = Field(
        1.0, ge=0, le=1000, description="Tape seconds a second; 0 is as fast as taken."
    )
    loop: bool = Field(
        default=True, description="Start the tape again at its end, instead of ending."
    )
    raw: bool = Field(
        default=False,
        description="Send the tape's frames byte for byte, with the times of their recording.",
    )
    seed: int = Field(1, ge=0, lt=2**63, description="Seed of the model: same seed, same market.")
    rate: int = Field(
        400,
        ge=1,
        le=limits.MARKET_RATE_MAX,
        description="Market messages a second that the model aims at, over all instruments.",
    )
    instruments: int = Field(
        20,
        ge=1,
        le=limits.INSTRUMENTS_MAX,
        description="How many instruments the model lists. A tape lists its own.",
    )

    @model_validator(mode="after")
    def _path_goes_with_replay(self) -> Self:
        if self.source == "replay" and self.path is None:
            raise ValueError("a replay needs `path`: set market.path or use --market replay:PATH")
        if self.source == "model" and self.path is not None:
            raise ValueError("`path` is only for replays: drop it, or set source to 'replay'")
        return self


Share = Annotated[float, Field(ge=0, le=1)]
"""How often something happens, as a share of its occasions."""

FaultDelayMs = Annotated[float, Field(ge=0, le=60_000)]
"""The longest of some delay, ms; most are shorter."""


class VenueFaultSettings(Section):
    """What goes wrong between the engine and the simulated venue's WebSocket API. Default: nothing.

    Shares of one request's ends (lost, reply lost, throttled, unknown, cut) may add up to 1.
    """

    seed: int = Field(1, ge=0, lt=2**63, description="Seed of the faults.")
    other_share: Share = Field(
        1.0, description="Requests other than new orders suffer this share of it all."
    )
    request_lost: Share = Field(0.0, description="Requests that vanish before execution.")
    request_delayed: Share = Field(0.0, description="Requests that wait before their window's end.")
    request_delay_max_ms: FaultDelayMs = Field(0.0, description="How long they wait at most, ms.")
    queue_delayed: Share = Field(
        0.0, description="Requests that wait once more, behind the last test of their window."
    )
    queue_delay_max_ms: FaultDelayMs = Field(
        0.0, description="How long they wait there, ms; keep orders.fence_margin_ms above it."
    )
    throttled: Share = Field(0.0, description="Requests refused for rate or load: not executed.")
    status_unknown: Share = Field(
        0.0, description="Requests answered -1007 or 5xx at once; half are executed all the same."
    )
    connection_cut: Share = Field(
        0.0, description="Requests that cost their connection; half of them are executed."
    )
    reply_lost: Share = Field(0.0, description="Requests executed whose reply is not sent.")
    reply_delayed: Share = Field(0.0, description="Replies that come late.")
    reply_delay_max_ms: FaultDelayMs = Field(0.0, description="How late they come at most, ms.")
    reply_doubled: Share = Field(0.0, description="Replies that come twice.")
    query_lags: Share = Field(0.0, description="New orders that queries do not find at first.")
    query_lag_max_ms: FaultDelayMs = Field(0.0, description="For how long at most, ms.")
    event_lost: Share = Field(0.0, description="User events that do not come.")
    event_delayed: Share = Field(0.0, description="User events that come late, out of order.")
    event_delay_max_ms: FaultDelayMs = Field(0.0, description="How late they come at most, ms.")
    event_doubled: Share = Field(0.0, description="User events that come twice.")
    stream_silenced: Share = Field(
        0.0, description="User events with which the stream falls silent until it is opened anew."
    )


class VenueLimitSettings(Section):
    """The simulated venue's rate limits. The defaults are the live venue's.

    Shorter windows compress a day: clients are told of limits and windows by exchangeInfo.
    """

    weight: int = Field(6_000, ge=1, description="Request weight of one address.")
    weight_window_s: WindowS = Field(60, description="In a window of so many seconds.")
    orders: int = Field(100, ge=1, description="New orders of one account that do not fill.")
    orders_window_s: WindowS = Field(10, description="In a window of so many seconds.")
    orders_a_day: int = Field(200_000, ge=1, description="The same, in the long window.")
    day_s: WindowS = Field(86_400, description="How long that is, s.")
    connections: int = Field(300, ge=1, description="WebSocket handshakes of one address.")
    connections_window_s: WindowS = Field(300, description="In a window of so many seconds.")


class VenueSettings(Section):
    """The simulated venue."""

    host: str = Field("127.0.0.1", description="Loopback address it listens on.")
    port: int = Field(0, ge=0, le=65535, description="Port it listens on; 0 takes a free one.")
    maker_fee: FeeRate = Field(Decimal("0.001"), description="Fee of an order that waited.")
    taker_fee: FeeRate = Field(Decimal("0.001"), description="Fee of an order that did not wait.")
    bnb_for_fees: Decimal = Field(
        Decimal(0),
        ge=0,
        max_digits=18,
        decimal_places=8,
        description="BNB that the account begins with, and pays its fees from at a discount of a "
        "quarter; with 0 they are paid in what is received.",
    )
    ledger: AbsolutePath | None = Field(
        None, description="Its own books, kept over restarts. Default: venue.db in `state_dir`."
    )
    latency_ms: float = Field(0, ge=0, le=10_000, description="Added before each reply, ms.")
    ping_interval_s: float = Field(
        20,
        gt=0,
        le=60,
        description="Between ping frames, s; keep connections.silence_max_s above three of them.",
    )
    tls_certificate: AbsolutePath | None = Field(
        None, description="PEM certificate for `host`: then it serves wss and https only."
    )
    tls_key: AbsolutePath | None = Field(None, description="The certificate's private key, PEM.")
    pong_timeout_s: float = Field(
        60,
        gt=0,
        le=600,
        description="A client that leaves a ping unanswered so long is cut off, s.",
    )
    connection_life_s: float = Field(
        86_400, gt=0, le=86_400, description="Age at which a connection is closed, s."
    )
    shutdown_lead_s: float = Field(
        60, ge=0, le=3_600, description="How long before that it is told serverShutdown, s."
    )
    flat_control_errors: bool = Field(
        default=False,
        description="Print errors of the streams' control messages as the documents do, not as the "
        "live venue was seen to.",
    )
    admin: bool = Field(
        default=False, description="Take faults by HTTP, at /admin/faults on its own port."
    )
    schedule: AbsolutePath | None = Field(
        None,
        description="JSON file: a list of faults, as the admin call takes them, from the start on.",
    )
    limits: VenueLimitSettings = VenueLimitSettings()
    faults: VenueFaultSettings = VenueFaultSettings()

    @model_validator(mode="after")
    def _certificate_goes_with_key(self) -> Self:
        if (self.tls_certificate is None) is not (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key belong together: set both, or none")
        return self

    @field_validator("host")
    @classmethod
    def _host_is_loopback(cls, value: str) -> str:
        if value == "localhost" or not is_loopback(value):
            raise ValueError("the simulated venue serves this machine only: use 127.0.0.1 or ::1")
        return value
