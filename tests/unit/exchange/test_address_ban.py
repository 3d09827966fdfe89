"""What one process was told by the venue, every process of the address keeps."""

from genesis.exchange.address_ban import AddressBan
from genesis.exchange.connection_budget import ConnectionBudget
from genesis.units import NANOS_PER_SECOND

NOW = 1_780_000_000 * NANOS_PER_SECOND


def test_a_ban_is_kept_by_whoever_shares_the_address() -> None:
    """Each reads the words of all and writes none but its own."""
    feed, executor = [0], [0]
    told, other = AddressBan(feed, [executor]), AddressBan(executor, [feed])
    assert told.until == other.until == 0
    told.extend(NOW)

    assert told.until == other.until == NOW
    assert executor == [0]


def test_the_longest_word_counts() -> None:
    """A reply that was under way may name an earlier time than is known."""
    ban = AddressBan([0], [[NOW + 1]])
    ban.extend(NOW + 5)
    ban.extend(NOW + 2)

    assert ban.until == NOW + 5


def test_a_ban_outlives_the_process_that_was_told() -> None:
    """Its successor finds the word in its memory, and connects no sooner."""
    word = [0]
    ConnectionBudget([0, 0], 1, AddressBan(word)).postpone(NOW)
    successor = ConnectionBudget([0, 0], 1, AddressBan(word))

    assert successor.next_at == successor.forbidden_until == NOW
