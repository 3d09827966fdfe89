"""What checks add up to."""

from genesis.doctor.report import Report, fail, ok, warn


def test_the_exit_code_is_that_of_the_failure_that_a_new_start_cures_least() -> None:
    """A supervisor that starts again for a lock would do so for ever with a wrong key."""
    locked = fail("engine lock", "held", "stop it", 75)
    wrong = fail("key rights", "none", "give it some", 78)
    assert Report.of("live", [ok("a", "b"), warn("c", "d", "e")]).exit_code == 0
    assert Report.of("live", [locked]).exit_code == 75
    assert Report.of("live", [wrong, locked]).exit_code == 78
