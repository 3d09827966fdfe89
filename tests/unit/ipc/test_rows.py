"""Two-copy rows: never torn, never waiting, whatever the writer does or dies in."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.ipc.rows import CheckedRows, row_bytes
from genesis.limits import READ_RETRIES_MAX
from tests.support.rings import Watched

BODY = 16


def body(number: int) -> bytes:
    """Return a body that shows its number everywhere."""
    return number.to_bytes(2, "little") * (BODY // 2)


def rows_over(count: int = 3) -> tuple[Watched, CheckedRows]:
    """Return memory for some rows, and the rows."""
    memory = Watched(count * row_bytes(BODY))
    return memory, CheckedRows(memory, count, BODY)


def test_an_unwritten_row_is_nothing() -> None:
    """Before the first write there is no body, and nothing is torn."""
    _, rows = rows_over()
    assert rows.read(1) is None
    assert (rows.version(1), rows.torn) == (0, 0)


@given(writes=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 999)), max_size=30))
def test_a_row_holds_what_was_written_last(writes: list[tuple[int, int]]) -> None:
    """Rows are independent, and each gives its newest body."""
    memory, writer = rows_over()
    reader = CheckedRows(memory, 3, BODY)
    latest: dict[int, bytes] = {}
    for row, number in writes:
        writer.write(row, body(number))
        latest[row] = body(number)
        assert reader.read(row) == latest[row]
    assert [reader.read(row) for row in range(3)] == [latest.get(row) for row in range(3)]
    assert reader.torn == 0


@pytest.mark.parametrize("died_at", range(row_bytes(BODY)))
def test_a_writer_that_dies_in_mid_row_leaves_the_copy_before(died_at: int) -> None:
    """Whatever part of the next write got out, a reader sees the last whole body or the new one."""
    memory, rows = rows_over(1)
    rows.write(0, body(1))
    rows.write(0, body(2))
    before = bytes(memory)
    rows.write(0, body(3))
    after = bytes(memory)
    # The head word is stored last: a death before it leaves it as it was.
    memory[8:] = after[8:died_at] + before[max(died_at, 8) :]
    memory[:8] = before[:8]
    assert CheckedRows(memory, 1, BODY).read(0) == body(2)
    successor = CheckedRows(memory, 1, BODY)
    successor.write(0, body(4))
    assert successor.read(0) == body(4)
    assert successor.torn == 0


@pytest.mark.parametrize("writes", [1, 2, 3])
def test_a_row_rewritten_during_the_copy_is_read_again(writes: int) -> None:
    """A reader disturbed by its writer gets a whole body, old or new."""
    memory, rows = rows_over()
    writer = CheckedRows(memory, 3, BODY)
    writer.write(0, body(1))

    def rewrite() -> None:
        for number in range(writes):
            writer.write(0, body(10 + number))

    memory.meanwhile = rewrite
    assert rows.read(0) in {body(1), body(9 + writes)}
    assert rows.torn == 0


def test_a_damaged_row_falls_back_to_the_copy_before() -> None:
    """When the newest copy stays wrong, the retries end and the older one is given, counted."""
    memory, rows = rows_over(1)
    rows.write(0, body(1))
    rows.write(0, body(2))
    assert damage_newest(memory, rows) == body(1)
    assert rows.torn == 1


def test_a_row_damaged_from_the_start_is_nothing() -> None:
    """With no copy before, there is nothing to fall back to."""
    memory, rows = rows_over(1)
    rows.write(0, body(1))
    assert damage_newest(memory, rows) is None
    assert rows.torn == 1


def damage_newest(memory: Watched, rows: CheckedRows) -> bytes | None:
    """Flip a bit in the newest copy of row 0 and read it."""
    at = 8 + rows.version(0) % 2 * (BODY + 16) + 8
    memory[at : at + 1] = bytes([bytes(memory[at : at + 1])[0] ^ 1])
    return rows.read(0)


def test_a_writer_faster_than_all_retries_ends_the_read() -> None:
    """A read takes a bounded number of looks, then it is counted as torn."""
    memory, rows = rows_over(1)
    writer = CheckedRows(memory, 1, BODY)
    writer.write(0, body(0))
    looks = 0

    def outrun() -> Callable[[], None]:
        def run() -> None:
            nonlocal looks
            looks += 1
            writer.write(0, body(looks))
            writer.write(0, body(looks))
            memory.meanwhile = outrun()

        return run

    memory.meanwhile = outrun()
    rows.read(0)
    assert looks <= READ_RETRIES_MAX + 1
    assert rows.torn == 1


@pytest.mark.parametrize("row", [-1, 3])
def test_a_row_that_does_not_exist_is_an_index_error(row: int) -> None:
    """No row number reaches into a neighbour or behind the table."""
    _, rows = rows_over()
    with pytest.raises(IndexError):
        rows.read(row)
    with pytest.raises(IndexError):
        rows.write(row, body(1))


def test_a_body_of_another_length_is_refused() -> None:
    """A body that would run into the next copy is the caller's error."""
    _, rows = rows_over()
    with pytest.raises(ValueError, match="no body of"):
        rows.write(0, b"short")
