"""How Alembic reaches the database: by the connection that `database.migrate` hands over."""

from alembic import context
from sqlalchemy import Connection

from genesis.storage.records.schema import metadata

connection = context.config.attributes["connection"]
assert isinstance(connection, Connection), "migrations run by `genesis`, not by `alembic`"
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
