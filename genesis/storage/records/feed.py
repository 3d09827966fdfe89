"""The feed: journal entries into the records, in order and exactly once.

The journal is the outbox. How far the records have come is committed with the rows themselves, so
an outage, a kill or a lost reply to a commit neither skips an entry nor applies one twice: the feed
asks the records where they are and goes on there.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec
from sqlalchemy import Connection, Select, bindparam, delete, func, insert, select, update

from genesis.domain.positions import Position
from genesis.engine.entries import MILESTONES, Entry
from genesis.errors import RecordsUnavailable
from genesis.limits import RECORDS_BATCH
from genesis.storage.entry_chain import EntryChain
from genesis.storage.journal_reader import JournaledEntry, JournalReader
from genesis.storage.records import schema
from genesis.storage.records.database import RecordsDatabase
from genesis.storage.records.projection import (
    PROJECTION_VERSION,
    Changes,
    Held,
    HeldOrder,
    HeldPosition,
    PositionKey,
    entry_row,
    nanos_from_utc,
    orders_needed,
    positions_needed,
    project,
)
from genesis.units import fixed_from_decimal

_NOTHING: Final = Decimal(0)
_MILESTONE_KINDS: Final = frozenset(str(kind.__struct_config__.tag) for kind in MILESTONES)


class RecordsFeed:
    """Carries one journal into one database of records.

    Raises:
        RecordsUnavailable: from `step`, when the database cannot be reached or holds the records
            of another journal. Call it again later; it begins where the records are.
        StorageError: from every method, when the journal cannot be read.
    """

    def __init__(self, reader: JournalReader, records: RecordsDatabase) -> None:
        self._reader = reader
        self._records = records
        self._place: EntryChain | None = None
        self._kept = 0  # the last entry that is kept itself; behind the place only to make anew
        self.recorded = 0
        """How far the records have come, as last known."""

    def step(self) -> Sequence[JournaledEntry]:
        """Apply the next entries, some at a time; return them, none when there is nothing new."""
        if self._place is None:
            self._place = self._begin()
        place = self._place
        ahead = EntryChain(place.sequence, place.checksum)
        batch = self._reader.read(ahead, RECORDS_BATCH)
        if batch:
            self._place = None  # what was committed is only known when this has ended well
            with self._records.transaction() as connection:
                _advance(connection, place, ahead)
                self._apply(connection, batch)
            self._kept = max(self._kept, ahead.sequence)
            self._place = ahead
        self.recorded = ahead.sequence
        return batch

    def _begin(self) -> EntryChain:
        """Ask the records where they are, and whether they are of this journal."""
        self._records.prepare()
        with self._records.transaction() as connection:
            kept = _last_kept(connection)
            if not self._reader.has_place(kept):
                kept = self._rewind(connection, kept)
            self._kept = kept.sequence
            row = connection.execute(select(schema.feed_position)).one_or_none()
            if row is None:
                connection.execute(
                    insert(schema.feed_position).values(
                        id=1, projected=0, checksum=0, projection_version=PROJECTION_VERSION
                    )
                )
                return EntryChain()
            if row.projection_version != PROJECTION_VERSION:
                _empty_tables(connection)
                return EntryChain()
            return EntryChain(row.projected, row.checksum)

    def _rewind(self, connection: Connection, kept: EntryChain) -> EntryChain:
        """Forget entries that the journal lost in a power cut, and have the rest applied anew.

        With durability `venue` a cut may take entries that were read here before. Milestones are
        never among those: if one would go, this journal is not the one that was recorded.
        """
        common = self._common_place(connection, kept)
        kinds = select(schema.journal_entries.c.kind).where(
            schema.journal_entries.c.sequence > common.sequence
        )
        lost = set(connection.execute(kinds.distinct()).scalars())
        if lost & _MILESTONE_KINDS:
            raise RecordsUnavailable(
                f"{self._records.place.name} hold {kept.sequence} entries of another journal than "
                f"{self._reader.path}: name another database, or restore the journal from them"
            )
        entries = schema.journal_entries
        connection.execute(delete(entries).where(entries.c.sequence > common.sequence))
        _empty_tables(connection)
        return common

    def _common_place(self, connection: Connection, kept: EntryChain) -> EntryChain:
        """Return the last place where journal and records agree: behind it they never do again."""
        table = schema.journal_entries
        common, beyond = EntryChain(), kept.sequence
        while beyond - common.sequence > 1:
            middle = (common.sequence + beyond) // 2
            checksum = connection.execute(
                select(table.c.checksum).where(table.c.sequence == middle)
            ).scalar_one()
            place = EntryChain(middle, checksum)
            if self._reader.has_place(place):
                common = place
            else:
                beyond = middle
        return common

    def _apply(self, connection: Connection, batch: Sequence[JournaledEntry]) -> None:
        fresh = [entry_row(each) for each in batch if each.sequence > self._kept]
        if fresh:
            connection.execute(insert(schema.journal_entries), fresh)
        held = _load([each.entry for each in batch], connection)
        _write(project(batch, held), connection)


def _advance(connection: Connection, place: EntryChain, ahead: EntryChain) -> None:
    """Move the feed's position, which must be where we believe it is."""
    position = schema.feed_position
    moved = connection.execute(
        update(position)
        .where(position.c.projected == place.sequence, position.c.checksum == place.checksum)
        .values(projected=ahead.sequence, checksum=ahead.checksum)
    )
    if moved.rowcount != 1:
        raise RecordsUnavailable("the records: another process feeds them as well")


def _last_kept(connection: Connection) -> EntryChain:
    table = schema.journal_entries
    latest = select(func.max(table.c.sequence)).scalar_subquery()
    row = connection.execute(
        select(table.c.sequence, table.c.checksum).where(table.c.sequence == latest)
    ).one_or_none()
    return EntryChain() if row is None else EntryChain(row.sequence, row.checksum)


def _empty_tables(connection: Connection) -> None:
    """Empty what is made of the entries, to be made anew from the first one on."""
    for table in schema.PROJECTED:
        connection.execute(delete(table))
    connection.execute(
        update(schema.feed_position).values(
            projected=0, checksum=0, projection_version=PROJECTION_VERSION
        )
    )


def _load(entries: Sequence[Entry], connection: Connection) -> Held:
    """Read the rows that these entries go on with."""
    held = Held()
    names = orders_needed(entries)
    if names:
        held.orders = _load_orders(names, connection)
    keys = positions_needed(entries, held)
    if keys:
        held.positions = _load_positions(keys, connection)
    return held


def _load_orders(names: set[str], connection: Connection) -> dict[str, HeldOrder]:
    table = schema.orders
    wanted: Select[tuple[object, ...]] = select(table).where(
        table.c.client_order_id.in_(sorted(names))
    )
    return {
        row.client_order_id: HeldOrder(
            strategy_id=row.strategy_id,
            base_asset=row.base_asset,
            quote_asset=row.quote_asset,
            state=row.state,
            reason=row.reason,
            venue_order_id=row.venue_order_id,
            filled_quantity=fixed_from_decimal(row.filled_quantity),
            booked_quantity=fixed_from_decimal(row.booked_quantity),
            booked_amount=fixed_from_decimal(row.booked_amount),
            moved_at=nanos_from_utc(row.moved_at),
            sequence=row.sequence,
            step_size=fixed_from_decimal(row.step_size or _NOTHING),
            stop_price=fixed_from_decimal(row.stop_price or _NOTHING),
            is_stored=True,
        )
        for row in connection.execute(wanted)
    }


def _load_positions(
    keys: set[PositionKey], connection: Connection
) -> dict[PositionKey, HeldPosition]:
    table = schema.positions
    wanted: Select[tuple[object, ...]] = select(table).where(
        table.c.strategy_id.in_(sorted({key.strategy_id for key in keys}))
    )
    held = {}
    for row in connection.execute(wanted):
        key = PositionKey(row.strategy_id, row.symbol)
        if key in keys:
            position = msgspec.json.decode(row.fold, type=Position)
            held[key] = HeldPosition(position, row.base_asset, row.quote_asset, is_stored=True)
    return held


def _write(changes: Changes, connection: Connection) -> None:
    """Carry out what a batch does: first what is added, each table before those that refer to it.

    No batch is that large that the order within it would matter: a row that it adds and changes is
    added as it is in the end.
    """
    for table in schema.metadata.sorted_tables:
        if table in changes.added:
            connection.execute(insert(table), changes.added[table])
    orders, positions, halts = schema.orders, schema.positions, schema.halts
    if changes.orders:
        connection.execute(
            update(orders).where(orders.c.client_order_id == bindparam("key")), changes.orders
        )
    if changes.positions:
        connection.execute(
            update(positions).where(
                positions.c.strategy_id == bindparam("key"),
                positions.c.symbol == bindparam("key_symbol"),
            ),
            changes.positions,
        )
    if changes.endings:
        parents = schema.parent_orders
        connection.execute(
            update(parents).where(parents.c.number == bindparam("key")), changes.endings
        )
    for resumption in changes.resumptions:
        connection.execute(
            update(halts).where(
                halts.c.resumed_at.is_(None), halts.c.sequence < bindparam("before")
            ),
            resumption,
        )
