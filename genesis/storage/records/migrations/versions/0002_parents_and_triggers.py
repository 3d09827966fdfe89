"""Parent orders, and what an order's trigger, confidence and parent are."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from genesis.storage.records.columns import BigCount, Fixed, UtcTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_OF_ORDERS = ("trigger_price", "confidence_bps", "parent_number")


def upgrade() -> None:
    """Make the table, and the columns; the feed fills both from the entries."""
    op.create_table(
        "parent_orders",
        sa.Column("number", BigCount, autoincrement=False, nullable=False),
        sa.Column("strategy_number", sa.Integer, nullable=False),
        sa.Column("strategy_id", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("side", sa.Text, nullable=False),
        sa.Column("quantity", Fixed, nullable=False),
        sa.Column("algorithm", sa.Text, nullable=False),
        sa.Column("plan", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("arrival_price", Fixed, nullable=False),
        sa.Column("price_cap", Fixed),
        sa.Column("opened_at", UtcTime, nullable=False),
        sa.Column("ended_at", UtcTime),
        sa.Column("end_reason", sa.Text),
        sa.Column("sequence", BigCount, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_parent_orders"),
    )
    op.add_column("orders", sa.Column("trigger_price", Fixed))
    op.add_column("orders", sa.Column("confidence_bps", sa.Integer))
    op.add_column("orders", sa.Column("parent_number", BigCount))
    op.create_index(op.f("ix_orders_parent_number"), "orders", ["parent_number"])


def downgrade() -> None:
    """Drop them; the entries keep what was in them."""
    op.drop_index("ix_orders_parent_number", "orders")
    for column in _OF_ORDERS:
        op.drop_column("orders", column)
    op.drop_table("parent_orders")
