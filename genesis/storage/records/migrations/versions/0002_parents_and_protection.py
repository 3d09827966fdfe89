"""Parent orders, protective orders, and all of a position that its fold goes on with."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from genesis.storage.records.columns import BigCount, Fixed, UtcTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# The feed fills them anew: none has a default that would have to hold for rows of an older program.
_AMOUNTS = (
    *(("orders", "trigger_price"), ("orders", "step_size"), ("fills", "fee_value")),
    *(("positions", "charged"), ("positions", "dust"), ("positions", "dust_cost")),
)
_OTHERS = (
    *(("orders", "confidence_bps"), ("orders", "parent_number"), ("orders", "leg")),
    *(("orders", "order_list"), ("positions", "fold")),
)


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
    for table, name in _AMOUNTS:
        op.add_column(table, sa.Column(name, Fixed))
    op.add_column("orders", sa.Column("confidence_bps", sa.Integer))
    op.add_column("orders", sa.Column("parent_number", BigCount))
    op.add_column("orders", sa.Column("leg", sa.Integer))
    op.add_column("orders", sa.Column("order_list", sa.Text))
    op.add_column("positions", sa.Column("fold", sa.LargeBinary))
    op.create_index(op.f("ix_orders_parent_number"), "orders", ["parent_number"])


def downgrade() -> None:
    """Drop them; the entries keep what was in them."""
    op.drop_index("ix_orders_parent_number", "orders")
    for table, name in (*_AMOUNTS, *_OTHERS):
        op.drop_column(table, name)
    op.drop_table("parent_orders")
