"""An order to close everything finds an executor that takes it, whatever the first one does."""

from genesis.engine.emergency import Emergency, EmergencyStep, ExecutorSeen
from genesis.limits import EMERGENCY_ANSWER_MAX, EMERGENCY_SILENCE_MAX
from genesis.units import NANOS_PER_MS, Nanos

NOW: Nanos = 1_000_000_000_000


def beating(now: Nanos, epoch: int = 3) -> ExecutorSeen:
    return ExecutorSeen(epoch, is_ready=True, heartbeat_at=now)


def test_one_that_answers_is_told_once() -> None:
    """And nothing more is done about it."""
    emergency = Emergency("why")
    assert emergency.advance(beating(NOW), NOW) is EmergencyStep.TELL
    assert emergency.advance(beating(NOW), NOW) is EmergencyStep.WAIT
    emergency.take_answer()
    late = NOW + 2 * EMERGENCY_ANSWER_MAX
    assert emergency.advance(beating(NOW), late) is EmergencyStep.WAIT


def test_one_that_hangs_is_killed_and_its_successor_told() -> None:
    """Neither an answer nor a heartbeat: killed once; nobody is told while nobody is ready."""
    emergency = Emergency("why")
    assert emergency.advance(beating(NOW), NOW) is EmergencyStep.TELL
    almost = NOW + EMERGENCY_SILENCE_MAX - 1
    assert emergency.advance(beating(NOW), almost) is EmergencyStep.WAIT
    hung = NOW + EMERGENCY_SILENCE_MAX
    assert emergency.advance(beating(NOW), hung) is EmergencyStep.KILL
    assert emergency.advance(beating(NOW), hung + NANOS_PER_MS) is EmergencyStep.WAIT
    assert emergency.advance(None, hung + NANOS_PER_MS) is EmergencyStep.WAIT
    booting = ExecutorSeen(4, is_ready=False, heartbeat_at=hung)
    assert emergency.advance(booting, hung + NANOS_PER_MS) is EmergencyStep.WAIT
    later = hung + 5 * EMERGENCY_SILENCE_MAX
    assert emergency.advance(beating(later, epoch=4), later) is EmergencyStep.TELL
    assert emergency.advance(beating(later, epoch=4), later) is EmergencyStep.WAIT


def test_one_that_hung_before_it_was_told_has_its_time_too() -> None:
    """Its silence counts from when it was told: it may have been about to wake."""
    emergency = Emergency("why")
    silent = beating(NOW - 10 * EMERGENCY_SILENCE_MAX)
    assert emergency.advance(silent, NOW) is EmergencyStep.TELL
    assert emergency.advance(silent, NOW + 1) is EmergencyStep.WAIT
    assert emergency.advance(silent, NOW + EMERGENCY_SILENCE_MAX) is EmergencyStep.KILL


def test_one_that_lives_but_does_not_answer_is_told_again_then_killed() -> None:
    """A slow one is given long; a second telling does not lengthen that."""
    emergency = Emergency("why")
    assert emergency.advance(beating(NOW), NOW) is EmergencyStep.TELL
    later = NOW + EMERGENCY_ANSWER_MAX // 2
    emergency.take_no_answer()
    assert emergency.advance(beating(later), later) is EmergencyStep.TELL
    assert emergency.advance(beating(later), later) is EmergencyStep.WAIT
    last = NOW + EMERGENCY_ANSWER_MAX
    assert emergency.advance(beating(last), last) is EmergencyStep.KILL
