"""The whole engine as a program that prints each status as a line of JSON."""

import sys
from pathlib import Path

from genesis.config_loading import load_settings
from genesis.engine.orchestrator import run_engine
from genesis.errors import GenesisError
from tests.support.stand_in_engine import print_status


def main(state_dir: str, report: str, *overrides: str) -> int:
    """Run until told to stop; tell a failure as the command line does."""
    try:
        quiet = "records.backups_kept=0"  # a backup for each engine of a test would be for nothing
        settings = load_settings(None, [f"state_dir={state_dir}", quiet, *overrides])
        return run_engine(settings, on_status=print_status, report_path=Path(report))
    except GenesisError as error:
        sys.stderr.write(f"genesis: {error}\n")
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
