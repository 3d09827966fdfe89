"""The form all scripts share."""

import json
import subprocess
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts import bench_form
from scripts.bench_form import BenchForm, Samples, peer_python


def form(*argv: str) -> BenchForm:
    """Return a form with its command line read."""
    made = BenchForm("a test")
    made.parse(argv)
    return made


def test_cases_are_interleaved() -> None:
    """Every case runs once per round, and no case is always first."""
    ran: list[str] = []

    def case(name: str) -> Callable[[], float]:
        def run() -> float:
            ran.append(name)
            return float(len(ran))

        return run

    samples = form("--rounds", "2").run_rounds({"a": case("a"), "b": case("b")}, "s")
    assert ran == ["a", "b", "b", "a"]
    assert samples["a"].values == (1.0, 4.0)


def test_a_ratio_is_taken_within_each_round() -> None:
    """A round in which everything was slow does not bend the ratio."""
    ratio = Samples((2.0, 20.0, 3.0), "s").per(Samples((1.0, 10.0, 1.0), "s"))
    assert ratio.values == (2.0, 2.0, 3.0)
    assert ratio.median == 2.0


@pytest.mark.parametrize(("check", "code"), [(True, 1), (False, 0)])
def test_a_missed_target_is_named(
    capsys: pytest.CaptureFixture[str],
    check: bool,  # noqa: FBT001
    code: int,
) -> None:
    """With --check a missed target ends the script with 1, and only that one is named."""
    made = form(*(["--check"] if check else []))
    made.at_least("speed", Samples((3.0,), "x"), 4)
    made.at_most("latency", Samples((3.0,), "x"), 4)
    assert made.finish() == code
    printed = capsys.readouterr()
    assert "speed: 3 >= 4  MISSED" in printed.out
    assert "latency: 3 <= 4  met" in printed.out
    assert ("speed" in printed.err, "latency" in printed.err) == (check, False)


def test_json_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    """The machine-readable form says command, machine, figures and targets."""
    made = form("--json", "--check")
    made.at_least("speed", Samples((3.0, 5.0, 4.0), "x"), 4)
    assert made.finish() == 0
    document = json.loads(capsys.readouterr().out)
    assert set(document) == {"command", "machine", "figures", "targets"}
    assert document["figures"]["speed"]["median"] == 4
    assert document["figures"]["speed"]["rounds"] == [3, 5, 4]
    assert document["targets"]["speed"] == {
        "observed": 4,
        "relation": ">=",
        "bound": 4,
        "met": True,
    }


def test_the_seed_makes_choices_repeatable() -> None:
    """Two runs of one seed choose alike, another seed does not."""
    assert form("--seed", "5").chance.random() == form("--seed", "5").chance.random()
    assert form("--seed", "5").chance.random() != form("--seed", "6").chance.random()


def test_a_peer_has_an_environment_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is made once, kept, and made anew when its requirements change."""
    done: list[tuple[str, ...]] = []
    monkeypatch.setattr(bench_form, "PEERS_HOME", tmp_path)
    monkeypatch.setattr(venv, "create", lambda home, **_: home.mkdir(exist_ok=True))
    monkeypatch.setattr(subprocess, "run", lambda command, **_: done.append(tuple(command[3:])))
    python = peer_python("peer", ["a==1"])
    assert python == tmp_path / "peer" / "bin" / "python"
    peer_python("peer", ["a==1"])
    peer_python("peer", ["a==2"])
    assert done == [("install", "--quiet", "a==1"), ("install", "--quiet", "a==2")]
