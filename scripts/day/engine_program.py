"""The engine of a compressed day as a program: all of it real, its venue seen by a witness.

Its arguments are the state directory, the report, the configuration file, and settings as
`genesis run --set` takes them; it prints each status as a line of JSON.
"""

import os
import sys
from pathlib import Path
from typing import Final

import msgspec

from genesis.config_loading import load_settings
from genesis.engine.orchestrator import run_engine
from genesis.engine.spawn import CHILD_MODULES
from genesis.engine.surroundings import Surroundings
from genesis.errors import GenesisError
from genesis.status import StatusDocument
from scripts.day.control import VARIABLE

_WITNESSED: Final = {**CHILD_MODULES, "venue": "scripts.day.venue"}
_CARELESS: Final = {
    **_WITNESSED,
    "executor": "scripts.day.careless_executor",
    "feed": "scripts.day.careless_feed",
}


def main(state_dir: str, report: str, config: str, *overrides: str) -> int:
    """Run until told to stop; tell a failure as the command line does."""
    try:
        settings = load_settings(Path(config), [f"state_dir={state_dir}", *overrides])
        return run_engine(
            settings,
            on_status=_print_status,
            report_path=Path(report),
            surroundings=Surroundings(
                modules=_CARELESS if os.environ.get(VARIABLE) else _WITNESSED
            ),
        )
    except GenesisError as error:
        sys.stderr.write(f"genesis: {error}\n")
        return error.exit_code


def _print_status(status: StatusDocument) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(status) + b"\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
