"""How a child of a parent order is named, so that its client order id says whose it is.

A signal's name is strategy, epoch, sequence, and names of one strategy rise for ever: that is how a
restarted executor knows which of them it has judged. Children are the executor's own, beside the
strategy's signals and in its own epoch; in the strategy's row they would make signals of an older
worker epoch look judged. So each strategy has a second number for them, CHILD_NUMBERS_FROM above
its own, and a child's sequence is its parent's number and, in the lower bits, its place among the
parent's children. A strategy has one parent at a time, hence these names rise as well. All of it
decodes without the journal, and a child that is found at the venue alone finds its parent again.
"""

from typing import Final

from genesis.domain.order_ids import SEQUENCE_MAX, STRATEGY_NUMBER_MAX
from genesis.limits import PARENT_CHILDREN_BITS, ROSTER_NUMBER_MAX

CHILD_NUMBERS_FROM: Final = ROSTER_NUMBER_MAX + 1
CHILDREN_MAX: Final = (1 << PARENT_CHILDREN_BITS) - 1
PARENT_NUMBER_MAX: Final = SEQUENCE_MAX >> PARENT_CHILDREN_BITS


def child_number(strategy_number: int) -> int:
    """Return the number under which a strategy's children are named."""
    assert 0 <= strategy_number < CHILD_NUMBERS_FROM
    return strategy_number + CHILD_NUMBERS_FROM


def owner_number(strategy_number: int) -> int:
    """Return the strategy behind a number, be it its own or that of its children."""
    return strategy_number % CHILD_NUMBERS_FROM


def child_sequence(parent: int, place: int) -> int:
    """Return the sequence of one child; places count from 1."""
    assert 1 <= parent <= PARENT_NUMBER_MAX
    assert 1 <= place <= CHILDREN_MAX
    return parent << PARENT_CHILDREN_BITS | place


def parent_of(strategy_number: int, sequence: int) -> int:
    """Return the number of the parent that a name belongs to, 0 for a strategy's own signal."""
    return sequence >> PARENT_CHILDREN_BITS if strategy_number >= CHILD_NUMBERS_FROM else 0


def place_of(sequence: int) -> int:
    """Return a child's place among its parent's children."""
    return sequence & CHILDREN_MAX


assert 2 * CHILD_NUMBERS_FROM - 1 == STRATEGY_NUMBER_MAX, "the numbers are halved"
