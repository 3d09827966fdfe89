"""The script's own part: ranges of seeds, replays, and what it says of wrong ones."""

import pytest

from scripts import simulate_orders
from scripts.simulate_orders import Tally, replay, run_seeds, search


def test_a_range_of_seeds_is_counted() -> None:
    """Seeds, orders and faults add up over ranges."""
    whole = run_seeds(1, 5, None)
    parts = Tally()
    for seed in range(1, 5):
        parts.add(run_seeds(seed, seed + 1, None))
    assert whole == parts
    assert whole.seeds == 4
    assert whole.wrong == {}


def test_a_control_is_searched_until_it_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten wrong seeds are enough; on all cores."""
    monkeypatch.setattr(simulate_orders, "SEEDS_PER_CHUNK", 10)
    monkeypatch.setattr(simulate_orders, "CAUGHT_ENOUGH", 1)
    tally = search(1, 200, "no-journal")
    assert tally.wrong
    assert tally.seeds < 200


def test_a_seed_is_replayed_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    """With every commit, request and answer; the exit code says whether it went wrong."""
    assert replay(1, None) == 0
    assert "starts     epoch 1" in capsys.readouterr().out
    wrong = next(iter(run_seeds(1, 30, "no-dedup").wrong))
    assert replay(wrong, "no-dedup") == 1
    assert "violation:" in capsys.readouterr().out


def test_wrong_seeds_are_named_with_their_replay(capsys: pytest.CaptureFixture[str]) -> None:
    """A failure nobody can repeat is worth nothing."""
    simulate_orders.show_wrong(Tally(1, {4711: ["wish executed twice: a and b"]}), "no-fence")
    shown = capsys.readouterr().err
    assert "seed 4711: wish executed twice" in shown
    assert "--control no-fence --seed 4711 --trace" in shown
