"""`genesis run`: the engine, in the foreground."""

import os
import sys
from pathlib import Path

import click

from genesis.cli.console import Console
from genesis.cli.doctor import examine_before_live
from genesis.cli.live import ask_for_confirmation, check_live_options
from genesis.cli.options import duration_in_seconds, settings_from_options, settings_options
from genesis.engine.orchestrator import run_engine
from genesis.errors import EXIT_OK, GenesisError, UsageError


@click.command()
@click.option("--market", metavar="model|replay:PATH", help="What the simulated venue shows.")
@click.option("--for", "run_for", metavar="60s|5m|24h", help="Stop by itself after this long.")
@click.option(
    "--report", type=click.Path(path_type=Path), help="Write a JSON summary here at the end."
)
@click.option("--live", "is_live", is_flag=True, help="Trade with real money, in mode live.")
@click.option("--yes", "is_confirmed", is_flag=True, help="Confirm --live without being asked.")
@settings_options
def run(
    config_file: Path | None,
    state: Path | None,
    overrides: tuple[str, ...],
    *,
    market: str | None,
    run_for: str | None,
    report: Path | None,
    is_live: bool,
    is_confirmed: bool,
) -> int:
    """Trade until Ctrl-C, SIGTERM or `genesis stop`."""
    settings = settings_from_options(config_file, state, overrides, market)
    run_for_s = None if run_for is None else duration_in_seconds(run_for)
    if report is not None and not os.access(report.absolute().parent, os.W_OK):
        raise UsageError(f"--report {report}: its directory does not exist or cannot be written")
    check_live_options(settings, is_live=is_live, is_confirmed=is_confirmed)
    if is_live:
        examine_before_live(config_file, state, overrides)
        if not is_confirmed:
            ask_for_confirmation(settings)
    console = Console(sys.stdout)
    console.begin(settings)
    try:
        exit_code = run_engine(
            settings, on_status=console.show, duration_s=run_for_s, report_path=report
        )
    except KeyboardInterrupt:
        exit_code = EXIT_OK  # it came before the first child, so there is nothing to stop
    except GenesisError as error:
        console.end(error.exit_code)
        raise
    console.end(exit_code)
    return exit_code
