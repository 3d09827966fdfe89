"""The tables of the records: one schema for SQLite and PostgreSQL.

`sequence` is the number of the journal entry that made a row, or that changed it last; in
`journal_entries` stands that entry itself, byte for byte, so the journal can be made again from the
records alone. Every other table follows from these entries, so a revision that changes one may
empty them all and have the feed fill them anew (`feed_position.projected`).

An entry of a kind that has no table of its own is a row of `transitions`.
"""

from typing import Final

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB

from genesis.storage.records.columns import BigCount, Fixed, UtcTime

SCHEMA_REVISION: Final = "0002"
"""The last revision under `migrations/versions`, which this program reads and writes."""

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _sequence() -> Column[int]:
    """Return the key of a table with a row for each entry of a kind."""
    return Column("sequence", BigCount, primary_key=True, autoincrement=False)


def _changed() -> Column[int]:
    """Return the number of the entry that changed a row last."""
    return Column("sequence", BigCount, nullable=False)


feed_position: Final = Table(
    "feed_position",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    # The last entry applied to the tables below, and the chain's checksum there.
    Column("projected", BigCount, nullable=False),
    Column("checksum", BigCount, nullable=False),
    # Which rules made the rows; rows of older rules are made anew.
    Column("projection_version", Integer, nullable=False),
    CheckConstraint("id = 1", name="single"),
)

journal_entries: Final = Table(
    "journal_entries",
    metadata,
    _sequence(),
    Column("kind", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("checksum", BigCount, nullable=False),
)

transitions: Final = Table(
    "transitions",
    metadata,
    _sequence(),
    Column("kind", Text, nullable=False, index=True),
    Column("at", UtcTime, nullable=False),
    Column("detail", JSON().with_variant(JSONB(), "postgresql"), nullable=False),
)

halts: Final = Table(
    "halts",
    metadata,
    _sequence(),
    Column("strategy_id", Text),  # NULL: all of them
    Column("reason", Text, nullable=False),
    Column("halted_at", UtcTime, nullable=False),
    Column("resumed_at", UtcTime),
)

opening_balances: Final = Table(
    "opening_balances",
    metadata,
    Column("asset", Text, primary_key=True),
    Column("amount", Fixed, nullable=False),
    Column("opened_at", UtcTime, nullable=False),
    _changed(),
)

transfers: Final = Table(
    "transfers",
    metadata,
    _sequence(),
    Column("asset", Text, nullable=False),
    Column("amount", Fixed, nullable=False),  # a withdrawal is negative
    Column("booked_at", UtcTime, nullable=False),
    Column("cleared_at", UtcTime),  # NULL: a difference that a person accepted
)

refusals: Final = Table(
    "refusals",
    metadata,
    _sequence(),
    Column("strategy_number", Integer, nullable=False),
    Column("epoch", BigCount, nullable=False),
    Column("signal_sequence", BigCount, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("limit_value", Text, nullable=False),
    Column("observed", Text, nullable=False),
    Column("wording", Text, nullable=False),
    Column("refused_at", UtcTime, nullable=False),
    Index(None, "rule"),
    Index(None, "refused_at"),
)

orders: Final = Table(
    "orders",
    metadata,
    Column("client_order_id", Text, primary_key=True),
    Column("strategy_id", Text, nullable=False),
    Column("strategy_number", Integer, nullable=False),
    Column("epoch", BigCount, nullable=False),
    Column("signal_sequence", BigCount, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("base_asset", Text, nullable=False),
    Column("quote_asset", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("order_type", Text, nullable=False),
    Column("time_in_force", Text, nullable=False),
    Column("quantity", Fixed, nullable=False),
    Column("limit_price", Fixed),  # NULL: a market order
    Column("reference_price", Fixed, nullable=False),
    Column("stop_price", Fixed),
    Column("target_price", Fixed),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("venue_order_id", BigCount),
    # What the venue says in total, and what its trades with ids add up to.
    Column("filled_quantity", Fixed, nullable=False),
    Column("booked_quantity", Fixed, nullable=False),
    Column("booked_amount", Fixed, nullable=False),
    Column("signal_at", UtcTime, nullable=False),
    Column("prepared_at", UtcTime, nullable=False),
    Column("moved_at", UtcTime, nullable=False),
    _changed(),
    Column("trigger_price", Fixed),  # NULL: not a conditional order
    Column("confidence_bps", Integer),  # NULL: not an entry
    Column("parent_number", BigCount),  # NULL: an order of its own
    Column("leg", Integer),  # of a position's protection; NULL: a strategy's wish
    Column("order_list", Text),
    Column("step_size", Fixed),
    Index(None, "parent_number"),
    Index(None, "strategy_id", "prepared_at"),
    Index(None, "state"),
)

parent_orders: Final = Table(
    "parent_orders",
    metadata,
    Column("number", BigCount, primary_key=True, autoincrement=False),
    Column("strategy_number", Integer, nullable=False),
    Column("strategy_id", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("quantity", Fixed, nullable=False),
    Column("algorithm", Text, nullable=False),
    Column("plan", JSON().with_variant(JSONB(), "postgresql"), nullable=False),
    Column("arrival_price", Fixed, nullable=False),
    Column("price_cap", Fixed),
    Column("opened_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    Column("end_reason", Text),
    _changed(),
)

order_moves: Final = Table(
    "order_moves",
    metadata,
    _sequence(),
    Column("client_order_id", Text, ForeignKey("orders.client_order_id"), nullable=False),
    Column("state", Text, nullable=False),
    Column("venue_order_id", BigCount),
    Column("filled_quantity", Fixed, nullable=False),
    Column("reason", Text, nullable=False),
    Column("moved_at", UtcTime, nullable=False),
    Index(None, "client_order_id"),
)

fills: Final = Table(
    "fills",
    metadata,
    _sequence(),
    Column("symbol", Text, nullable=False),
    Column("trade_id", BigCount, nullable=False),
    Column("client_order_id", Text, ForeignKey("orders.client_order_id"), nullable=False),
    Column("venue_order_id", BigCount, nullable=False),
    Column("strategy_id", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("price", Fixed, nullable=False),
    Column("quantity", Fixed, nullable=False),
    Column("quote_amount", Fixed, nullable=False),
    Column("fee", Fixed, nullable=False),
    Column("fee_asset", Text, nullable=False),
    Column("is_maker", Boolean, nullable=False),
    Column("realized", Fixed, nullable=False),  # what this fill closed, after fees
    Column("traded_at", UtcTime, nullable=False),
    Column("booked_at", UtcTime, nullable=False),
    Column("fee_value", Fixed),  # of a fee in a third asset, in the quote asset
    UniqueConstraint("symbol", "trade_id"),
    Index(None, "client_order_id"),
    Index(None, "strategy_id", "traded_at"),
)

external_fills: Final = Table(
    "external_fills",
    metadata,
    _sequence(),
    Column("symbol", Text, nullable=False),
    Column("trade_id", BigCount, nullable=False),
    Column("client_order_id", Text, nullable=False),  # its owner's word
    Column("venue_order_id", BigCount, nullable=False),
    Column("base_asset", Text, nullable=False),
    Column("quote_asset", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("price", Fixed, nullable=False),
    Column("quantity", Fixed, nullable=False),
    Column("quote_amount", Fixed, nullable=False),
    Column("fee", Fixed, nullable=False),
    Column("fee_asset", Text, nullable=False),
    Column("is_maker", Boolean, nullable=False),
    Column("traded_at", UtcTime, nullable=False),
    Column("booked_at", UtcTime, nullable=False),
    UniqueConstraint("symbol", "trade_id", "venue_order_id"),
)

positions: Final = Table(
    "positions",
    metadata,
    Column("strategy_id", Text, primary_key=True),
    Column("symbol", Text, primary_key=True),
    Column("base_asset", Text, nullable=False),
    Column("quote_asset", Text, nullable=False),
    Column("quantity", Fixed, nullable=False),
    Column("cost", Fixed, nullable=False),
    Column("realized", Fixed, nullable=False),
    Column("fills", BigCount, nullable=False),
    Column("moved_at", UtcTime, nullable=False),
    _changed(),
    Column("charged", Fixed),
    Column("dust", Fixed),
    Column("dust_cost", Fixed),
    # The whole position as the executor's fold has it, which the next fill goes on with.
    Column("fold", LargeBinary),
)

equity: Final = Table(
    "equity",
    metadata,
    _sequence(),
    Column("equity", Fixed, nullable=False),
    Column("peak_equity", Fixed, nullable=False),
    Column("day", Date, nullable=False),  # UTC
    Column("day_opening_equity", Fixed, nullable=False),
    Column("marked_at", UtcTime, nullable=False),
    Index(None, "marked_at"),
)

agreements: Final = Table(
    "agreements",
    metadata,
    _sequence(),
    Column("balances_at", UtcTime, nullable=False),
    Column("agreed_at", UtcTime, nullable=False),
)

PROJECTED: Final = (
    order_moves,
    fills,
    external_fills,
    positions,
    orders,
    parent_orders,
    refusals,
    transfers,
    opening_balances,
    halts,
    equity,
    agreements,
    transitions,
)
"""What is made of the entries, each table before those that it refers to."""
assert {feed_position, journal_entries, *PROJECTED} == set(metadata.tables.values())
