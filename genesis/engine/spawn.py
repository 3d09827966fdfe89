"""Starting one child process and holding on to it until it is reaped (I/O).

A child is a fresh interpreter, started from the parent's main thread: the parent-death signal
follows the thread that spawned. Its end is seen through a pidfd, and only that child is ever
waited for.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from genesis.credentials import KEY_VARIABLES, RECORDS_VARIABLES, SECRET_VARIABLES
from genesis.engine.boot import BOOT_ARGUMENT, BootSpec, write_boot_spec
from genesis.engine.control import ToChild, ToParent, decode_to_parent
from genesis.engine.control_channel import ControlChannel, control_pair
from genesis.engine.roles import Role
from genesis.errors import LinkError, ResourceError

CHILD_MODULES: Final[Mapping[Role, str]] = {
    "venue": "workers.venue",
    "feed": "workers.feed",
    "strategy": "workers.strategy",
    "executor": "workers.executor",
    "recorder": "workers.recorder",
}
_SECRETS_OF: Final[Mapping[Role, frozenset[str]]] = {
    "executor": KEY_VARIABLES,
    "recorder": RECORDS_VARIABLES,
}


class ChildProcess:
    """A child that was started: its process, its pidfd and its control channel.

    It ends in two steps: `on_exit` of `watch` is called when the kernel says dead, and then `reap`
    takes its exit code and closes everything.
    """

    def __init__(
        self, spec: BootSpec, process: subprocess.Popen[bytes], control: ControlChannel[ToParent]
    ) -> None:
        self.name = spec.name
        self.role = spec.role
        self.epoch = spec.epoch
        self.pid = process.pid
        self._process = process
        self._control = control
        self._pidfd = os.pidfd_open(process.pid)

    def watch(
        self,
        on_message: Callable[["ChildProcess", ToParent], None],
        on_exit: Callable[["ChildProcess"], None],
    ) -> None:
        """Call back for each message, and once when the process has ended."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._pidfd, self._exited, loop, on_exit)
        self._control.watch(lambda message: on_message(self, message), self._unheard)

    def send(self, message: ToChild) -> bool:
        """Tell the child something; False when it has long stopped reading, or ended."""
        return self._control.send(message)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to this process. Until it is reaped its number is nobody else's."""
        signal.pidfd_send_signal(self._pidfd, number)

    def kill(self) -> None:
        """SIGKILL the child with all that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def reap(self) -> tuple[int, list[ToParent]]:
        """Take the exit code (minus the signal's number) and the last words; close everything.

        What the child had started itself is killed first: the zombie still keeps the group's number
        from being used again.
        """
        self.kill()
        return_code = self._process.wait()
        last_words = self._control.read_rest()
        self._control.close()
        os.close(self._pidfd)
        return return_code, last_words

    def _exited(
        self, loop: asyncio.AbstractEventLoop, on_exit: Callable[["ChildProcess"], None]
    ) -> None:
        loop.remove_reader(self._pidfd)
        on_exit(self)

    def _unheard(self, error: LinkError | None) -> None:
        """Leave a closed channel to the pidfd, and end a child that makes no sense."""
        if error is not None:
            self.kill()


class Spawner:
    """Starts children. `modules` says which module is which role; output goes to `output_fd`."""

    def __init__(self, output_fd: int, modules: Mapping[Role, str] = CHILD_MODULES) -> None:
        self._output_fd = output_fd
        self._modules = modules

    def spawn(self, spec: BootSpec) -> ChildProcess:
        """Start the child that `spec` describes; its control channel is made here.

        Raises:
            ResourceError: The system refused a process or a descriptor.
        """
        assert threading.current_thread() is threading.main_thread(), "see PR_SET_PDEATHSIG"
        with contextlib.ExitStack() as ours:
            try:
                parent_end, child_end = control_pair()
                ours.callback(child_end.close)
                control = ControlChannel(parent_end, decode_to_parent)
                undo = ours.enter_context(contextlib.ExitStack())
                undo.callback(control.close)
                spec = msgspec.structs.replace(spec, control_fd=child_end.fileno())
                boot_fd = write_boot_spec(spec)
                ours.callback(os.close, boot_fd)
                process = self._start(spec, boot_fd)
                child = ChildProcess(spec, process, control)
            except OSError as error:
                raise ResourceError(f"{spec.name} cannot be started: {error.strerror}") from error
            undo.pop_all()
        return child

    def _start(self, spec: BootSpec, boot_fd: int) -> subprocess.Popen[bytes]:
        # -P: a directory named `workers` where the engine is started must not shadow ours.
        command = [sys.executable, "-P", "-m", self._modules[spec.role]]
        return subprocess.Popen(  # noqa: S603 -- the command is ours, word for word
            [*command, BOOT_ARGUMENT, str(boot_fd)],
            stdin=subprocess.DEVNULL,
            stdout=self._output_fd,
            stderr=self._output_fd,
            pass_fds=(boot_fd, *spec.descriptors()),
            env=_environment(spec.role),
            start_new_session=True,
        )


def _environment(role: Role) -> dict[str, str]:
    """Return our environment, without the secrets of others."""
    hidden = SECRET_VARIABLES - _SECRETS_OF.get(role, frozenset())
    return {name: value for name, value in os.environ.items() if name not in hidden}
