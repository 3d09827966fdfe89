"""Options that several commands share, and how their words become settings."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import click

from genesis.config import Settings
from genesis.config_loading import UNSET, load_settings
from genesis.errors import UsageError

Command = TypeVar("Command", bound=Callable[..., object])

_REPLAY_PREFIX: Final = "replay:"
_DURATION: Final = re.compile(r"([0-9]{1,9})(s|m|h)")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600}


def settings_options(command: Command) -> Command:
    """Add the options that say which configuration is meant."""
    for option in (
        click.option(
            "--set",
            "overrides",
            multiple=True,
            metavar="SECTION.KEY=VALUE",
            help="Override one setting; may be given often. `genesis config` lists them.",
        ),
        click.option(
            "--state", type=click.Path(path_type=Path), help="State directory (state_dir)."
        ),
        click.option(
            "--config", "config_file", type=click.Path(path_type=Path), help="TOML file to read."
        ),
    ):
        command = option(command)
    return command


def settings_from_options(
    config_file: Path | None,
    state: Path | None,
    overrides: tuple[str, ...],
    market: str | None = None,
) -> Settings:
    """Load the settings that the words of a command line mean. `--set` has the last word."""
    worded: list[str] = []
    if state is not None:
        worded.append(f"state_dir={state}")
    if market is not None:
        worded += _market_overrides(market)
    return load_settings(config_file, (*worded, *overrides))


def _market_overrides(market: str) -> list[str]:
    """Read `model` or `replay:PATH`."""
    if market == "model":
        return ["market.source=model", f"market.path={UNSET}"]
    path = market.removeprefix(_REPLAY_PREFIX)
    if path != market and path:
        return ["market.source=replay", f"market.path={path}"]
    raise UsageError(f"--market {market!r}: use model, or replay:PATH")


def duration_in_seconds(text: str) -> int:
    """Read a duration such as 60s, 5m or 24h.

    Raises:
        UsageError: The text is no such duration, or is zero.
    """
    match = _DURATION.fullmatch(text)
    if match is None or int(match[1]) == 0:
        raise UsageError(f"--for {text!r}: use a number and a unit, such as 60s, 5m or 24h")
    return int(match[1]) * _SECONDS[match[2]]
