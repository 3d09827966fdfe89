"""Real engines that are killed at any point, on a lossy venue. `scripts/kill_campaign.py` is long.

Nothing is executed twice, nothing is lost, and the journal equals the venue's books to the last
unit. The controls of the long form show that a part taken out of the engine is found.
"""

from pathlib import Path

from scripts.campaign.attack import Attack, attack

KILLS = 6
SEED = 20


def test_books_agree_after_kills_at_any_point(tmp_path: Path) -> None:
    """Whoever dies whenever: once the venue is well again, all resolves, and trading goes on."""
    outcome = attack(Attack(kills=KILLS, seed=SEED), tmp_path / "state", lambda _name: None)

    assert outcome.violations == []
    assert outcome.kills.total() >= KILLS
    assert outcome.kills["executor"] > 0
    assert outcome.audit.fills > 0
