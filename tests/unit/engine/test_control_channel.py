"""The socket pair between parent and child."""

import asyncio
import os
import socket
from collections.abc import Iterator

import pytest

from genesis.engine.control import (
    Drain,
    Drained,
    PauseStrategy,
    Ready,
    Stop,
    ToChild,
    ToParent,
    decode_to_child,
    decode_to_parent,
)
from genesis.engine.control_channel import ChildControl, ControlChannel, control_pair
from genesis.errors import LinkError
from genesis.limits import CONTROL_INBOX_MESSAGES_MAX

Ends = tuple[ControlChannel[ToParent], ChildControl, socket.socket]


@pytest.fixture
def ends() -> Iterator[Ends]:
    """Yield a parent's channel, a child's control, and the parent's raw socket."""
    ours, theirs = control_pair()
    parent = ControlChannel(ours, decode_to_parent)
    channel = ControlChannel(theirs, decode_to_child)
    yield parent, ChildControl(channel), ours
    parent.close()
    channel.close()


async def turn_loop() -> None:
    """Let every reader of the loop run."""
    for _ in range(3):
        await asyncio.sleep(0)


async def test_messages_arrive_in_order_and_stop_ends_them(ends: Ends) -> None:
    """A child sees what it was told, in order; after `Stop` there is nothing more to hear."""
    parent, child, _ = ends
    child.listen(pytest.fail)
    told: list[ToChild] = [PauseStrategy("a"), Drain(), Stop()]
    assert all(parent.send(message) for message in told)
    assert [message async for message in child.messages()] == told
    assert child.stopping.is_set()
    assert not child.orphaned
    child.stop_listening()


async def test_the_parents_death_stops_the_child(ends: Ends) -> None:
    """An end of the channel is the parent's end: the child stops and knows why."""
    parent, child, _ = ends
    orphaned: list[bool] = []
    child.listen(lambda: orphaned.append(True))
    parent.close()
    assert [message async for message in child.messages()] == []
    assert child.stopping.is_set()
    assert child.orphaned
    assert orphaned == [True]
    assert not child.send(Drained())


async def test_a_parent_that_talks_nonsense_is_as_good_as_gone(ends: Ends) -> None:
    """What cannot be read cannot be obeyed; the child must not trade on without a parent."""
    _, child, raw = ends
    child.listen(lambda: None)
    raw.send(b"nonsense")
    await child.stopping.wait()
    assert child.orphaned


async def test_what_nobody_takes_is_bounded(ends: Ends) -> None:
    """Messages beyond the bound push the oldest out, and are counted; `Stop` is never missed."""
    parent, child, _ = ends
    child.listen(pytest.fail)
    for number in range(CONTROL_INBOX_MESSAGES_MAX + 5):
        while not parent.send(PauseStrategy(str(number))):
            await turn_loop()
    while not parent.send(Stop()):
        await turn_loop()
    await child.stopping.wait()
    taken = [message async for message in child.messages()]
    assert len(taken) == CONTROL_INBOX_MESSAGES_MAX
    assert child.dropped == 6
    assert taken[-1] == Stop()
    child.stop_listening()


async def test_a_peer_that_does_not_read_does_not_block(ends: Ends) -> None:
    """The kernel's buffer is the only queue: beyond it a message is refused at once."""
    parent, _, _ = ends
    assert parent.send(Stop())
    while parent.send(PauseStrategy("x" * 1000)):
        pass
    assert not parent.send(Stop())


async def test_the_parent_hears_and_learns_of_the_end_once(ends: Ends) -> None:
    """Messages come one by one, then the end, without an error."""
    parent, child, _ = ends
    heard: list[ToParent] = []
    ended: list[LinkError | None] = []
    parent.watch(heard.append, ended.append)
    child.send(Ready())
    child.send(Drained())
    await turn_loop()
    assert heard == [Ready(), Drained()]
    child._channel.close()
    await turn_loop()
    assert ended == [None]


async def test_last_words_are_read_after_the_end(ends: Ends) -> None:
    """What a dead child had still said is taken from the socket, up to what makes no sense."""
    parent, child, _ = ends
    child.send(Ready())
    child.send(Drained())
    child._channel._socket.send(b"nonsense")
    child.send(Ready())
    child._channel.close()
    assert parent.read_rest() == [Ready(), Drained()]


async def test_last_words_may_be_none(ends: Ends) -> None:
    """A child that was killed says nothing."""
    parent, child, _ = ends
    assert parent.read_rest() == []
    child._channel.close()
    assert parent.read_rest() == []


async def test_a_fault_of_our_own_is_not_taken_for_the_peers_end(ends: Ends) -> None:
    """A closed descriptor of ours is a bug and is raised; only the peer's end is an answer."""
    parent, _, raw = ends
    os.close(raw.detach())
    with pytest.raises(OSError, match="Bad file descriptor"):
        parent.send(Stop())
