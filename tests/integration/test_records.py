"""The records: one contract, held on SQLite and on a real PostgreSQL server."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import func, insert, inspect, select, text, update

from genesis.domain.orders import OrderState
from genesis.domain.positions import Position
from genesis.engine.entries import BalanceOpened, Entry, EpochStarted, OrderMoved, StoppedCleanly
from genesis.engine.ledger import Ledger
from genesis.errors import RecordsUnavailable, StorageError
from genesis.limits import RECORDS_BATCH
from genesis.storage.entry_chain import EntryChain
from genesis.storage.journal import Journal
from genesis.storage.journal_reader import JournalReader
from genesis.storage.records import schema
from genesis.storage.records.database import (
    RecordsDatabase,
    RecordsPlace,
    migrate,
    move_back,
    revision_of,
)
from genesis.storage.records.feed import RecordsFeed
from genesis.storage.records.projection import kind_of, nanos_from_utc
from genesis.units import SCALE, decimal_from_fixed
from tests.support.builders import NOW, PRICE, SECOND
from tests.support.postgres import PostgresServer
from tests.support.records import everything, journal_of, opening, record, round_trip, rows_of


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> RecordsPlace:
    """Return an empty database on each engine."""
    if request.param == "sqlite":
        return RecordsPlace.in_file(tmp_path / "records.db")
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.place()


@pytest.fixture
def records(place: RecordsPlace) -> Iterator[RecordsDatabase]:
    database = RecordsDatabase(place)
    yield database
    database.close()


@pytest.fixture
def feed_of(records: RecordsDatabase) -> Iterator[Callable[[Path], RecordsFeed]]:
    """Return a maker of feeds into the records; their readers are closed at the end."""
    readers: list[JournalReader] = []

    def make(journal: Path) -> RecordsFeed:
        readers.append(JournalReader(journal))
        return RecordsFeed(readers[-1], records)

    yield make
    for reader in readers:
        reader.close()


def drain(feed: RecordsFeed) -> int:
    """Step a feed until there is nothing new; return how many entries it applied."""
    applied = 0
    while batch := feed.step():
        applied += len(batch)
    return applied


def test_every_kind_of_entry_has_its_place(
    tmp_path: Path, records: RecordsDatabase, feed_of: Callable[[Path], RecordsFeed]
) -> None:
    """An entry is kept itself, and is a row of one table at least, under its number.

    A kind that is none of the scene's has no table of its own, and is a row of `transitions`.
    """
    entries = everything()
    assert drain(feed_of(journal_of(tmp_path / "a.journal.db", entries))) == len(entries)
    numbers: dict[int, set[str]] = {}
    with records.transaction() as connection:
        for table in schema.PROJECTED:
            for number in connection.execute(select(table.c.sequence)).scalars():
                numbers.setdefault(number, set()).add(table.name)
        kept = connection.execute(
            select(schema.journal_entries.c.kind).order_by(schema.journal_entries.c.sequence)
        ).scalars()
        assert list(kept) == [kind_of(entry) for entry in entries]
    # An order is under the number of its last change, and so is a parent.
    changed = {type(entry).__name__ for n, entry in enumerate(entries, 1) if n not in numbers}
    assert changed == {"OrderPrepared", "ParentOpened"}


def test_rows_add_up_to_what_the_ledger_holds(
    tmp_path: Path, records: RecordsDatabase, feed_of: Callable[[Path], RecordsFeed]
) -> None:
    """Orders, positions and sums of fills are those of the executor's own fold, exactly."""
    entries = [*opening(), *(e for n in range(2, 40, 2) for e in round_trip(n, NOW + n * SECOND))]
    ledger = Ledger()
    for entry in entries:
        ledger.apply(entry)
    drain(feed_of(journal_of(tmp_path / "a.journal.db", entries)))
    held = ledger.position("ema_cross-1", "BTCUSDT")
    orders = ledger.state.settled_orders | ledger.state.live_orders
    with records.transaction() as connection:
        (position,) = connection.execute(select(schema.positions)).all()
        rows = connection.execute(select(schema.orders)).all()
        fees = connection.execute(
            select(schema.fills.c.fee_asset, func.sum(schema.fills.c.fee).label("fee")).group_by(
                "fee_asset"
            )
        )
        assert {row.fee_asset: row.fee for row in fees} == {
            asset: decimal_from_fixed(fee) for asset, fee in ledger.state.fees.items()
        }
        realized = connection.execute(select(func.sum(schema.fills.c.realized))).scalar_one()
    assert msgspec.json.decode(position.fold, type=Position) == held
    figures = ("quantity", "cost", "realized", "charged", "dust", "dust_cost")
    assert {name: getattr(position, name) for name in figures} == {
        name: decimal_from_fixed(getattr(held, name)) for name in figures
    }
    assert held.charged
    assert position.fills == held.fills
    assert realized == decimal_from_fixed(held.realized)
    assert len(rows) == len(orders)
    for row in rows:
        order = orders[row.client_order_id]
        assert row.state == order.state.name
        assert row.venue_order_id == order.venue_order_id
        assert row.booked_amount == decimal_from_fixed(order.booked_amount)
        assert row.filled_quantity == decimal_from_fixed(order.filled_quantity)


def test_money_and_times_come_back_exact(
    tmp_path: Path, records: RecordsDatabase, feed_of: Callable[[Path], RecordsFeed]
) -> None:
    """No float is on the way of an amount, and a time is UTC, cut to the microsecond."""
    drain(feed_of(journal_of(tmp_path / "a.journal.db", everything())))
    with records.transaction() as connection:
        opened = connection.execute(
            select(schema.opening_balances).where(schema.opening_balances.c.asset == "USDT")
        ).one()
        marked = connection.execute(select(schema.equity)).one()
    assert opened.amount == Decimal("100000.00000001")
    assert opened.opened_at == datetime(2026, 5, 28, 20, 26, 41, 123_456, tzinfo=UTC)
    assert opened.opened_at.tzinfo is UTC
    assert str(marked.day) == "2026-05-29"


def test_an_amount_that_a_file_cannot_hold_exactly_is_refused(
    tmp_path: Path,
    place: RecordsPlace,
    records: RecordsDatabase,
    feed_of: Callable[[Path], RecordsFeed],
) -> None:
    """SQLite's integers end at 92 billion units; PostgreSQL's numbers go on."""
    entries = opening()
    entries.append(BalanceOpened("SHIB", 2**63, NOW))
    feed = feed_of(journal_of(tmp_path / "a.journal.db", entries))
    if place.is_sqlite:
        with pytest.raises(RecordsUnavailable, match=r"92233720368\.54775808 is more than SQLite"):
            feed.step()
        return
    drain(feed)
    with records.transaction() as connection:
        held = connection.execute(select(func.max(schema.opening_balances.c.amount))).scalar_one()
    assert held == Decimal(2**63) / SCALE


def test_halts_are_lifted_by_the_next_resumption(
    tmp_path: Path, records: RecordsDatabase, feed_of: Callable[[Path], RecordsFeed]
) -> None:
    """A halt shows when it was lifted, one that stands shows nothing, whatever batch it came in."""
    drain(feed_of(journal_of(tmp_path / "a.journal.db", everything())))
    with records.transaction() as connection:
        rows = connection.execute(select(schema.halts).order_by("sequence")).all()
    assert [(row.strategy_id, row.resumed_at is None) for row in rows] == [
        ("ema_cross-1", False),
        (None, False),
        (None, True),
    ]


def test_each_entry_is_applied_once_however_the_feed_is_broken_off(
    tmp_path: Path, records: RecordsDatabase, feed_of: Callable[[Path], RecordsFeed]
) -> None:
    """A new feed goes on where the rows are, a second one at the same time changes nothing."""
    journal = Journal(tmp_path / "a.journal.db", "venue")
    journal.append(opening())
    first, second = feed_of(journal.path), feed_of(journal.path)
    assert drain(first) == drain(second) + 4 == 4
    journal.append(round_trip(2, NOW))
    assert drain(second) == 10
    with pytest.raises(RecordsUnavailable, match="another process feeds them"):
        first.step()
    assert drain(first) == 0, "it has asked where the records are"
    journal.append(round_trip(4, NOW))
    assert drain(feed_of(journal.path)) == 10
    with records.transaction() as connection:
        assert connection.execute(select(func.count()).select_from(schema.fills)).scalar() == 6
    journal.close()


def test_batches_of_any_size_give_the_same_rows(
    tmp_path: Path, place: RecordsPlace, request: pytest.FixtureRequest
) -> None:
    """What a batch adds and changes is as if each entry had come alone."""
    entries = everything()
    whole = record(journal_of(tmp_path / "a.journal.db", entries), place)
    other = place_like(place, tmp_path, request)
    journal = Journal(tmp_path / "b.journal.db", "venue")
    database = RecordsDatabase(other)
    reader = JournalReader(journal.path)
    feed = RecordsFeed(reader, database)
    for entry in entries:
        journal.append([entry])
        assert len(feed.step()) == 1
    assert rows_of(database) == rows_of(whole)
    for each in (journal, reader, database, whole):
        each.close()


def place_like(place: RecordsPlace, tmp_path: Path, request: pytest.FixtureRequest) -> RecordsPlace:
    """Return another empty database of the same engine."""
    if place.is_sqlite:
        tmp_path.mkdir(exist_ok=True)
        return RecordsPlace.in_file(tmp_path / "other.db")
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.place()


def test_a_long_journal_is_caught_up_in_batches(
    tmp_path: Path, records: RecordsDatabase, feed_of: Callable[[Path], RecordsFeed]
) -> None:
    """However far behind, no transaction is larger than one batch."""
    moves: list[Entry] = [
        OrderMoved("G00-7-1-2-10", OrderState.PENDING_CANCEL, 100, 0, str(n), NOW + n)
        for n in range(2 * RECORDS_BATCH)
    ]
    entries = [*opening(), *round_trip(2, NOW), *moves]
    feed = feed_of(journal_of(tmp_path / "a.journal.db", entries))
    sizes = []
    while batch := feed.step():
        sizes.append(len(batch))
    assert max(sizes) == RECORDS_BATCH
    assert sum(sizes) == len(entries)
    with records.transaction() as connection:
        order = connection.execute(
            select(schema.orders.c.reason).where(schema.orders.c.client_order_id == "G00-7-1-2-10")
        ).scalar_one()
    assert order == str(2 * RECORDS_BATCH - 1)


def test_the_journal_is_in_the_records_byte_for_byte(
    tmp_path: Path, records: RecordsDatabase, feed_of: Callable[[Path], RecordsFeed]
) -> None:
    """What is kept of each entry is enough to make the journal again, and its chain proves it."""
    entries = everything()
    drain(feed_of(journal_of(tmp_path / "a.journal.db", entries)))
    table = schema.journal_entries
    with records.transaction() as connection:
        kept = connection.execute(
            select(table.c.sequence, table.c.payload, table.c.checksum).order_by("sequence")
        ).all()
    assert EntryChain().read([tuple(row) for row in kept]) == entries


def test_the_records_of_another_journal_are_left_alone(
    tmp_path: Path, records: RecordsDatabase, feed_of: Callable[[Path], RecordsFeed]
) -> None:
    """Two accounts in one database would be neither's; the message says what to do."""
    drain(feed_of(journal_of(tmp_path / "a.journal.db", everything())))
    before = rows_of(records)
    for other in ([*opening()[:1], EpochStarted(9, "other", NOW)], [EpochStarted(2, "x", NOW)], []):
        path = tmp_path / f"{len(other)}.journal.db"
        if other:
            journal_of(path, other)
        with pytest.raises(RecordsUnavailable, match=r"of another journal .*: name another"):
            feed_of(path).step()
    assert rows_of(records) == before


def test_entries_that_a_power_cut_took_are_forgotten(
    tmp_path: Path, place: RecordsPlace, request: pytest.FixtureRequest
) -> None:
    """The records follow the journal back to where it really ends, and on from there."""
    kept = [*opening(), *round_trip(2, NOW)]
    lost = round_trip(4, NOW + SECOND)
    records = record(journal_of(tmp_path / "before.journal.db", [*kept, *lost]), place)
    records.close()
    journal = journal_of(
        tmp_path / "after.journal.db", [*kept, EpochStarted(2, "boot", NOW), *round_trip(6, NOW)]
    )
    records = record(journal, place)
    anew = record(journal, place_like(place, tmp_path, request))
    assert rows_of(records) == rows_of(anew)
    records.close()
    anew.close()


def test_rows_of_older_rules_are_made_anew(
    tmp_path: Path, records: RecordsDatabase, feed_of: Callable[[Path], RecordsFeed]
) -> None:
    """A version that makes other rows of the same entries replaces them, and keeps the entries."""
    journal = journal_of(tmp_path / "a.journal.db", everything())
    drain(feed_of(journal))
    before = rows_of(records)
    with records.transaction() as connection:
        connection.execute(update(schema.feed_position).values(projection_version=0))
        connection.execute(update(schema.orders).values(state="?"))
    assert drain(feed_of(journal)) == len(everything())
    assert rows_of(records) == before


def test_a_parent_and_its_children_are_found_from_each_other(
    tmp_path: Path, records: RecordsDatabase, feed_of: Callable[[Path], RecordsFeed]
) -> None:
    """A child names its parent; a parent shows its plan, and when and why it ended."""
    drain(feed_of(journal_of(tmp_path / "a.journal.db", everything())))
    parents, orders = schema.parent_orders, schema.orders
    with records.transaction() as connection:
        first, second = connection.execute(select(parents).order_by("number")).all()
        child = connection.execute(select(orders).where(orders.c.parent_number == 1)).one()
    assert (first.algorithm, first.plan["slices"], first.end_reason) == ("twap", 4, "filled")
    assert (second.algorithm, second.price_cap, second.ended_at) == ("iceberg", None, None)
    assert child.trigger_price == decimal_from_fixed(PRICE - 1)
    assert child.confidence_bps == 8_000


def test_a_protective_order_is_told_from_a_strategy_s(
    tmp_path: Path, records: RecordsDatabase, feed_of: Callable[[Path], RecordsFeed]
) -> None:
    """It names its leg and its list; all others name neither."""
    drain(feed_of(journal_of(tmp_path / "a.journal.db", everything())))
    orders = schema.orders
    with records.transaction() as connection:
        legs = connection.execute(
            select(orders.c.client_order_id, orders.c.leg, orders.c.order_list).where(
                orders.c.leg.is_not(None)
            )
        ).all()
    assert [tuple(leg) for leg in legs] == [("G00-stop", 1, "G00-list")]


def test_records_of_every_earlier_revision_are_brought_to_this_one(
    tmp_path: Path, place: RecordsPlace, request: pytest.FixtureRequest
) -> None:
    """What an older Genesis recorded stays, and what it did not know is made of its entries."""
    journal = journal_of(tmp_path / "a.journal.db", everything())
    anew = record(journal, place_like(place, tmp_path, request))
    entries = journal_entries_of(anew)
    for revision in revisions()[:-1]:
        older = RecordsDatabase(place_like(place, tmp_path / revision, request))
        with older.transaction() as connection:
            migrate(connection, revision)
            connection.execute(insert(schema.journal_entries), entries)
            connection.execute(
                text("INSERT INTO feed_position VALUES (1, :last, :checksum, 1)"),
                {"last": entries[-1]["sequence"], "checksum": entries[-1]["checksum"]},
            )
        reader = JournalReader(journal)
        drain(RecordsFeed(reader, older))
        assert rows_of(older) == rows_of(anew)
        reader.close()
        older.close()
    anew.close()


def journal_entries_of(records: RecordsDatabase) -> list[dict[str, object]]:
    """Return the entries that records keep, as they are put in."""
    table = schema.journal_entries
    with records.transaction() as connection:
        rows = connection.execute(select(table).order_by("sequence")).mappings()
        return [dict(row) | {"at": nanos_from_utc(row["at"])} for row in rows]


def revisions() -> list[str]:
    """Return every revision of the schema, the first one first."""
    scripts = ScriptDirectory(str(Path(schema.__file__).parent / "migrations"))
    return [script.revision for script in scripts.walk_revisions()][::-1]


def test_migrations_make_the_schema_from_nothing(records: RecordsDatabase) -> None:
    """What the revisions make is what the tables say, index by index, and back to nothing."""
    assert records.prepare() == ""
    assert records.prepare() == schema.SCHEMA_REVISION
    with records.transaction() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []
        assert revision_of(connection) == schema.SCHEMA_REVISION


def test_every_revision_can_be_undone(records: RecordsDatabase) -> None:
    """Back to nothing, one by one, and forward again: the same schema."""
    records.prepare()
    with records.transaction() as connection:
        for revision in [*revisions()[-2::-1], "base"]:
            move_back(connection, revision)
        left = set(inspect(connection).get_table_names())
    assert left == {"alembic_version"}
    assert records.prepare() == ""
    with records.transaction() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []


def test_the_revision_that_the_program_knows_is_the_last_one() -> None:
    """A revision that is added and not named would never be reached."""
    assert revisions()[-1] == schema.SCHEMA_REVISION


def test_a_later_schema_is_not_touched(records: RecordsDatabase) -> None:
    """An older program does not write into what it does not know."""
    records.prepare()
    with records.transaction() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StorageError, match="schema 9999, which this version"):
        records.prepare()


def test_a_migration_that_fails_leaves_nothing(records: RecordsDatabase) -> None:
    """Tables are made in one transaction, on both engines."""

    def fail() -> None:
        with records.transaction() as connection:
            migrate(connection)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with records.transaction() as connection:
        assert revision_of(connection) == ""


def test_a_database_that_is_not_there_is_named(tmp_path: Path, postgres: PostgresServer) -> None:
    """The operator reads which database and why, in one line."""
    for place, reason in (
        (RecordsPlace.on_server(postgres.url("nowhere")), 'database "nowhere" does not exist'),
        (RecordsPlace.in_file(tmp_path / "no" / "records.db"), "No such file or directory"),
    ):
        records = RecordsDatabase(place)
        with pytest.raises(RecordsUnavailable) as caught:
            records.prepare()
        assert str(caught.value).startswith(f"{place.name}: ")
        assert str(caught.value).endswith(reason)
        records.close()


def test_both_engines_hold_the_same_rows(tmp_path: Path, postgres: PostgresServer) -> None:
    """Row for row and value for value, from one journal."""
    journal = journal_of(tmp_path / "a.journal.db", [*everything(), StoppedCleanly(NOW)])
    in_file = record(journal, RecordsPlace.in_file(tmp_path / "records.db"))
    on_server = record(journal, postgres.place())
    rows = rows_of(in_file)
    assert all(rows.values()), "every table has rows"
    assert rows_of(on_server) == rows
    in_file.close()
    on_server.close()
