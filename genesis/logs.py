"""The log: one JSON line a fact, from every process of the engine to one file.

Every process appends whole lines, each by one write, to the file that the parent opened. When the
file is full, the parent alone renames it and opens a new one; the others see before their next
line that the path is another file now, and follow. A line caught in between lands in the renamed
file, so none is lost and none is cut.

Nothing else configures logging: what libraries say through the standard library's `logging` comes
out here too.
"""

import logging
import os
from pathlib import Path
from typing import Final, Self

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from genesis import limits
from genesis.config import Settings
from genesis.errors import ConfigError
from genesis.redaction import redact

_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
_LEADING_FIELDS: Final = ("at", "level", "event", "process", "epoch", "pid")


def parent_logger(settings: Settings, log_file: "LogFile") -> FilteringBoundLogger:
    """Configure logging for the parent, which owns the file."""
    return _configure(settings, log_file, process="parent", epoch=0)


def child_logger(
    settings: Settings, log_fd: int, *, process: str, epoch: int
) -> FilteringBoundLogger:
    """Configure logging for a child, on the descriptor it inherited; bind who it is, once."""
    return _configure(settings, LogFile(log_fd, settings.log_path), process=process, epoch=epoch)


class LogFile:
    """A file that several processes append lines to. Only one of them may call `rotate_if_full`."""

    def __init__(self, fd: int, path: Path) -> None:
        self.fd = fd
        self._path = path
        self._identity = _identity(os.fstat(fd))
        self._lines_lost = 0

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the file for appending, and make it and its directory if need be.

        Raises:
            ConfigError: The path cannot be written to.
        """
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            return cls(os.open(path, _FLAGS, 0o600), path)
        except OSError as error:
            raise ConfigError(
                f"logs.path: {path} cannot be opened for writing: {error.strerror}"
            ) from error

    def write(self, line: bytes) -> None:
        """Append one line, which ends in a newline.

        A full disk must not stop a trade: a line that cannot be written is counted, and the count
        is told by the next one that can.
        """
        self._follow_rename()
        if self._lines_lost:
            # The newline ends what a full disk may have cut short.
            line = b'\n{"event":"log_lines_lost","count":%d}\n%b' % (self._lines_lost, line)
        try:
            written = os.write(self.fd, line)
        except OSError:
            written = 0
        self._lines_lost = 0 if written == len(line) else self._lines_lost + 1

    def rotate_if_full(self, max_bytes: int, kept_files: int) -> bool:
        """Rename a file of `max_bytes` to `.1`, older ones up to `.kept_files`, and start anew."""
        if os.fstat(self.fd).st_size < max_bytes:
            return False
        for age in range(kept_files, 0, -1):
            newer = self._rotated(age - 1)
            if newer.exists():
                newer.replace(self._rotated(age))
        self._follow_rename()
        return True

    def close(self) -> None:
        """Close the descriptor. Lines that could not be written are gone."""
        os.close(self.fd)

    def _rotated(self, age: int) -> Path:
        return self._path if age == 0 else self._path.with_name(f"{self._path.name}.{age}")

    def _follow_rename(self) -> None:
        """Move to the file that the path names now; the descriptor keeps its number."""
        try:
            if _identity(os.stat(self._path)) == self._identity:
                return
        except OSError:
            pass  # renamed a moment ago: the open below makes the new one
        try:
            fd = os.open(self._path, _FLAGS, 0o600)
        except OSError:
            return  # the old file still takes lines
        os.dup2(fd, self.fd, inheritable=os.get_inheritable(self.fd))
        os.close(fd)
        self._identity = _identity(os.fstat(self.fd))


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


class _LineLogger:
    """The end of the chain. structlog calls the method named after the level."""

    def __init__(self, log_file: LogFile) -> None:
        self._log_file = log_file

    def msg(self, line: bytes) -> None:
        self._log_file.write(line)

    debug = info = warning = error = critical = msg


class _LibraryHandler(logging.Handler):
    """Carries what a library says through `logging` into the chain."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        self._log.log(
            record.levelno,
            "library_message",
            library=record.name,
            message=record.getMessage(),
            exc_info=record.exc_info,
        )


def _configure(
    settings: Settings, log_file: LogFile, *, process: str, epoch: int
) -> FilteringBoundLogger:
    pid = os.getpid()

    def bind_identity(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event.update(process=process, epoch=epoch, pid=pid)
        return event

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            bind_identity,
            structlog.processors.format_exc_info,
            _redact_fields,
            _render_line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(settings.logs.level),
        logger_factory=lambda *_names: _LineLogger(log_file),
        cache_logger_on_first_use=False,
    )
    log: FilteringBoundLogger = structlog.get_logger()
    # Warnings only: at debug level websockets would log every frame, keys and all.
    logging.basicConfig(handlers=[_LibraryHandler(log)], level=logging.WARNING, force=True)
    logging.raiseExceptions = False
    return log


def _redact_fields(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Blank out secrets; it stands after `format_exc_info`, since tracebacks hold them too."""
    redacted = redact(event)
    assert isinstance(redacted, dict)
    return redacted


def _render_line(_logger: WrappedLogger, _method: str, event: EventDict) -> bytes:
    """Write one line, identity first. What JSON cannot hold is shown as Python would print it."""
    fields = {name: event[name] for name in _LEADING_FIELDS if name in event}
    fields.update(event)
    try:
        line = orjson.dumps(fields, default=repr)
    except orjson.JSONEncodeError:
        line = orjson.dumps({name: _printable(value) for name, value in fields.items()})
    if len(line) > limits.LOG_LINE_BYTES_MAX:
        kept = list(fields.items())[: limits.LOG_FIELDS_MAX]
        line = orjson.dumps({name: _printable(value) for name, value in kept} | {"cut": True})
    return line + b"\n"


def _printable(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text[: limits.LOG_FIELD_CHARS_MAX].encode(errors="backslashreplace").decode()
