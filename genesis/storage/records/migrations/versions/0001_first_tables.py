"""The first tables."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from genesis.storage.records.columns import BigCount, Fixed, UtcTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make them."""
    _make_feed()
    _make_account()
    _make_refusals()
    _make_orders()
    _make_fills()
    _make_indexes()


def downgrade() -> None:
    """Drop them, each before those that it refers to."""
    for table in (
        *("order_moves", "fills", "external_fills", "positions", "orders", "refusals"),
        *("transfers", "opening_balances", "halts", "equity", "agreements", "transitions"),
        *("journal_entries", "feed_position"),
    ):
        op.drop_table(table)


def _make_feed() -> None:
    op.create_table(
        "feed_position",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("projected", BigCount, nullable=False),
        sa.Column("checksum", BigCount, nullable=False),
        sa.Column("projection_version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_feed_position"),
        sa.CheckConstraint("id = 1", name=op.f("ck_feed_position_single")),
    )
    op.create_table(
        "journal_entries",
        *_by_sequence("journal_entries"),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("checksum", BigCount, nullable=False),
    )
    detail = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
    op.create_table(
        "transitions",
        *_by_sequence("transitions"),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("detail", detail, nullable=False),
    )


def _make_account() -> None:
    op.create_table(
        "halts",
        *_by_sequence("halts"),
        sa.Column("strategy_id", sa.Text),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("halted_at", UtcTime, nullable=False),
        sa.Column("resumed_at", UtcTime),
    )
    op.create_table(
        "opening_balances",
        sa.Column("asset", sa.Text, nullable=False),
        sa.Column("amount", Fixed, nullable=False),
        sa.Column("opened_at", UtcTime, nullable=False),
        sa.Column("sequence", BigCount, nullable=False),
        sa.PrimaryKeyConstraint("asset", name="pk_opening_balances"),
    )
    op.create_table(
        "transfers",
        *_by_sequence("transfers"),
        sa.Column("asset", sa.Text, nullable=False),
        sa.Column("amount", Fixed, nullable=False),
        sa.Column("booked_at", UtcTime, nullable=False),
        sa.Column("cleared_at", UtcTime),
    )
    op.create_table(
        "equity",
        *_by_sequence("equity"),
        sa.Column("equity", Fixed, nullable=False),
        sa.Column("peak_equity", Fixed, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("day_opening_equity", Fixed, nullable=False),
        sa.Column("marked_at", UtcTime, nullable=False),
    )
    op.create_table(
        "agreements",
        *_by_sequence("agreements"),
        sa.Column("balances_at", UtcTime, nullable=False),
        sa.Column("agreed_at", UtcTime, nullable=False),
    )


def _make_refusals() -> None:
    op.create_table(
        "refusals",
        *_by_sequence("refusals"),
        sa.Column("strategy_number", sa.Integer, nullable=False),
        sa.Column("epoch", BigCount, nullable=False),
        sa.Column("signal_sequence", BigCount, nullable=False),
        *_texts("symbol", "rule", "limit_value", "observed", "wording"),
        sa.Column("refused_at", UtcTime, nullable=False),
    )


def _make_orders() -> None:
    op.create_table(
        "orders",
        *_texts("client_order_id", "strategy_id"),
        sa.Column("strategy_number", sa.Integer, nullable=False),
        sa.Column("epoch", BigCount, nullable=False),
        sa.Column("signal_sequence", BigCount, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        *_texts("symbol", "base_asset", "quote_asset"),
        *_texts("side", "action", "order_type", "time_in_force"),
        sa.Column("quantity", Fixed, nullable=False),
        sa.Column("limit_price", Fixed),
        sa.Column("reference_price", Fixed, nullable=False),
        sa.Column("stop_price", Fixed),
        sa.Column("target_price", Fixed),
        *_texts("state", "reason"),
        sa.Column("venue_order_id", BigCount),
        sa.Column("filled_quantity", Fixed, nullable=False),
        sa.Column("booked_quantity", Fixed, nullable=False),
        sa.Column("booked_amount", Fixed, nullable=False),
        sa.Column("signal_at", UtcTime, nullable=False),
        sa.Column("prepared_at", UtcTime, nullable=False),
        sa.Column("moved_at", UtcTime, nullable=False),
        sa.Column("sequence", BigCount, nullable=False),
        sa.PrimaryKeyConstraint("client_order_id", name="pk_orders"),
    )
    op.create_table(
        "order_moves",
        *_by_sequence("order_moves"),
        *_texts("client_order_id", "state"),
        sa.Column("venue_order_id", BigCount),
        sa.Column("filled_quantity", Fixed, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("moved_at", UtcTime, nullable=False),
        _of_order("order_moves"),
    )
    op.create_table(
        "positions",
        *_texts("strategy_id", "symbol", "base_asset", "quote_asset"),
        sa.Column("quantity", Fixed, nullable=False),
        sa.Column("cost", Fixed, nullable=False),
        sa.Column("realized", Fixed, nullable=False),
        sa.Column("fills", BigCount, nullable=False),
        sa.Column("moved_at", UtcTime, nullable=False),
        sa.Column("sequence", BigCount, nullable=False),
        sa.PrimaryKeyConstraint("strategy_id", "symbol", name="pk_positions"),
    )


def _make_fills() -> None:
    op.create_table(
        "fills",
        *_by_sequence("fills"),
        *_of_trade(),
        sa.Column("strategy_id", sa.Text, nullable=False),
        sa.Column("realized", Fixed, nullable=False),
        sa.UniqueConstraint("symbol", "trade_id", name="uq_fills_symbol_trade_id"),
        _of_order("fills"),
    )
    op.create_table(
        "external_fills",
        *_by_sequence("external_fills"),
        *_of_trade(),
        *_texts("base_asset", "quote_asset"),
        sa.UniqueConstraint(
            *("symbol", "trade_id", "venue_order_id"),
            name="uq_external_fills_symbol_trade_id_venue_order_id",
        ),
    )


def _make_indexes() -> None:
    for table, columns in (
        ("transitions", ["kind"]),
        ("equity", ["marked_at"]),
        ("refusals", ["rule"]),
        ("refusals", ["refused_at"]),
        ("orders", ["strategy_id", "prepared_at"]),
        ("orders", ["state"]),
        ("order_moves", ["client_order_id"]),
        ("fills", ["client_order_id"]),
        ("fills", ["strategy_id", "traded_at"]),
    ):
        op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, columns)


def _by_sequence(table: str) -> Sequence[sa.schema.SchemaItem]:
    """Return the key of a table with a row for each entry of a kind."""
    return (
        sa.Column("sequence", BigCount, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=f"pk_{table}"),
    )


def _texts(*names: str) -> Sequence[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _of_trade() -> Sequence[sa.schema.SchemaItem]:
    """Return what is told of every execution."""
    return (
        *_texts("symbol", "client_order_id", "side", "fee_asset"),
        sa.Column("trade_id", BigCount, nullable=False),
        sa.Column("venue_order_id", BigCount, nullable=False),
        sa.Column("price", Fixed, nullable=False),
        sa.Column("quantity", Fixed, nullable=False),
        sa.Column("quote_amount", Fixed, nullable=False),
        sa.Column("fee", Fixed, nullable=False),
        sa.Column("is_maker", sa.Boolean, nullable=False),
        sa.Column("traded_at", UtcTime, nullable=False),
        sa.Column("booked_at", UtcTime, nullable=False),
    )


def _of_order(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["client_order_id"], ["orders.client_order_id"], name=f"fk_{table}_client_order_id"
    )
