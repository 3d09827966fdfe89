"""Reading recorded frames from files."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from genesis.errors import ConfigError
from genesis.limits import TAPE_FRAMES_MAX, TAPE_LINE_BYTES_MAX
from genesis.venue.tape import (
    Tape,
    TapeError,
    TapeFrame,
    assign_snapshots,
    make_tape,
    read_line,
)

SUFFIXES: Final = (".ndjson", ".ndjson.gz")


def load_tape(path: Path) -> Tape:
    """Read a file of recorded frames, or every such file of a directory, merged by receive time.

    Raises:
        ConfigError: Nothing is there, a file cannot be read or is empty, or a line is no frame; the
            message names file and line.
    """
    frames: list[TapeFrame] = []
    for file in _tape_paths(path):
        lines = _read_file(file, TAPE_FRAMES_MAX - len(frames))
        try:
            frames += assign_snapshots(lines)
        except TapeError as error:
            raise ConfigError(f"{file}: {error}; leave it out of the tape") from error
    return make_tape(frames)


def _tape_paths(path: Path) -> list[Path]:
    if not path.exists():
        raise ConfigError(f"{path}: there is no such file or directory of recorded frames")
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if file.name.endswith(SUFFIXES))
    if not found:
        raise ConfigError(f"{path}: no file in it ends in {' or '.join(SUFFIXES)}")
    return found


def _read_file(path: Path, frames_max: int) -> list[TapeFrame]:
    frames: list[TapeFrame] = []
    line_number = 0
    try:
        for line_number, line in enumerate(_lines(path), start=1):
            if len(frames) == frames_max:
                raise ConfigError(
                    f"{path}:{line_number}: the tape has more than {TAPE_FRAMES_MAX} frames; "
                    "play fewer files at once"
                )
            frames.append(read_line(line))
    except TapeError as error:
        raise ConfigError(f"{path}:{line_number}: {error}") from error
    except (OSError, EOFError, zlib.error) as error:
        raise ConfigError(
            f"{path}:{line_number + 1}: the file cannot be read further: {error}"
        ) from error
    if not frames:
        raise ConfigError(f"{path}: the file is empty")
    return frames


def _lines(path: Path) -> Iterator[bytes]:
    opener = gzip.open if path.name.endswith(".gz") else open
    with opener(path, "rb") as file:
        while line := file.readline(TAPE_LINE_BYTES_MAX + 1):
            if len(line) > TAPE_LINE_BYTES_MAX:
                raise OSError(f"a line is longer than {TAPE_LINE_BYTES_MAX} bytes")
            yield line
