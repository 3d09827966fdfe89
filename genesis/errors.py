"""The one error tree. Each class says what its catcher must do.

GenesisError
├── ConfigError            fix the configuration; exit 78, never restarted
├── UsageError             fix the command line; exit 64
├── EngineNotRunning       start an engine on this state first; exit 69
├── LockHeld               another engine owns the state or the account; exit 75, try later
├── ResourceError          the operating system refused memory, a descriptor or a port; exit 71
├── StorageError           the disk or the journal failed; stop sending, exit 74, recover from disk
├── RecordsUnavailable     the records' database does not answer, or refuses: try again later; 69
├── ChildFailed            a child gave up for good; exit 70
├── Unfit                  the doctor found a fault before live trading: its own exit code
├── SnapshotMismatch       a strategy's snapshot is not its own: start the strategy afresh
├── LinkError              shared memory is not what it should be
│   ├── SegmentMismatch    another magic, version, layout or size: do not read it
│   └── RingFull           the reader is behind: the strategy is told, nothing is queued
└── VenueError             the venue or the way to it
    ├── VenueUnreachable   nothing was sent; the same request is valid later
    ├── VenueThrottled     refused for rate alone; the same request is valid later
    ├── VenueRejected      refused for good: the answer is final
    ├── OutcomeUnknown     sent, no answer: query it, never resend it
    └── MalformedMessage   its words cannot be read: take them for no answer
"""

from genesis.units import Nanos

EXIT_OK = 0
EXIT_USAGE = 64
EXIT_NOT_RUNNING = 69
EXIT_INTERNAL = 70
EXIT_RESOURCE = 71
EXIT_STORAGE = 74
EXIT_LOCK_HELD = 75
EXIT_CONFIG = 78


class GenesisError(Exception):
    """Anything Genesis raises on purpose. `exit_code` is what the process ends with."""

    exit_code = EXIT_INTERNAL


class ConfigError(GenesisError):
    """The configuration is wrong. The message names every fault, its place and its remedy."""

    exit_code = EXIT_CONFIG


class UsageError(GenesisError):
    """A command was called with words it does not know."""

    exit_code = EXIT_USAGE


class EngineNotRunning(GenesisError):
    """A command needs a running engine, and none runs on this state directory."""

    exit_code = EXIT_NOT_RUNNING


class LockHeld(GenesisError):
    """Another process holds the lock. It may end; trying later is right."""

    exit_code = EXIT_LOCK_HELD


class ResourceError(GenesisError):
    """The operating system refused memory, a descriptor or a port."""

    exit_code = EXIT_RESOURCE


class StorageError(GenesisError):
    """A write or a sync failed, or stored rows are damaged.

    After a failed sync the kernel may have dropped the dirty pages, so nothing is retried: the
    process stops sending, ends, and its successor recovers from what the disk really holds.
    """

    exit_code = EXIT_STORAGE


class RecordsUnavailable(GenesisError):
    """The records cannot be read or written now. Nothing waits for them: try again later."""

    exit_code = EXIT_NOT_RUNNING


class ChildFailed(GenesisError):
    """A child process cannot be kept running, and the engine must not go on without it."""


class Unfit(GenesisError):
    """The doctor found a fault, so nothing was begun. Its exit code tells whether to try again."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class SnapshotMismatch(GenesisError):
    """A snapshot of another version, strategy or set of parameters. Start the strategy afresh."""


class LinkError(GenesisError):
    """A shared-memory link is not what its reader or writer expects."""

    exit_code = EXIT_RESOURCE


class SegmentMismatch(LinkError):
    """A segment has another magic, version, layout or size than this program. Do not read it."""


class RingFull(LinkError):
    """The reader of a refusing ring is a whole ring behind. Nothing was published."""


class VenueError(GenesisError):
    """The venue, or the way to it, did not do what was asked."""


class VenueUnreachable(VenueError):
    """No byte of the request left this process. The same request is valid later."""


class VenueThrottled(VenueError):
    """The venue refused a request for rate alone; the same request is valid later."""

    def __init__(self, message: str, retry_at: Nanos) -> None:
        super().__init__(message)
        self.retry_at = retry_at


class VenueRejected(VenueError):
    """The venue refused the request for good.

    `code` is the venue's own (negative) error code, `reason` its own wording.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


class OutcomeUnknown(VenueError):
    """A request left this process and no answer came back.

    Do not resend and do not give up: the order may be live. Query it by client order id behind
    the time fence, and let the answer decide.
    """


class MalformedMessage(VenueError):
    """The venue sent something that its protocol does not allow. Take it for no answer."""
