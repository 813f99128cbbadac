"""A helper process: started in a session of its own, watched, restarted, ended, its output in a log."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

logger = logging.getLogger(__name__)


class ProcessError(RuntimeError):
    """A helper process did not start or ended too early; the message has the end of its log."""


@dataclass
class HelperProcess:
    """One helper process of a rehearsal or of an acquisition.

    It does not see the terminal's Ctrl-C (own session), and it is told to end when this process dies.

    Attributes
    ----------
    name
        What it is called in messages and in its files.
    command
        Program and arguments.
    folder
        Where ``<name>.log`` and ``<name>.pid`` are written.
    environment
        Variables added to those of this process.
    restarts_left
        How often it is started again when it ends by itself.
    niceness
        How far it gives way to other processes, 0 to 19.
    """

    name: str
    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    restarts_left: int = 0
    niceness: int = 0
    _child: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    @property
    def log(self) -> Path:
        """File with what the process says."""
        return self.folder / f"{self.name}.log"

    @property
    def pid(self) -> int | None:
        """Process id, None before the start."""
        return None if self._child is None else self._child.pid

    @property
    def exit_code(self) -> int | None:
        """Exit code, None while it runs or before the start."""
        return None if self._child is None else self._child.poll()

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._child is not None and self._child.poll() is None

    def start(self) -> None:
        """Start the process; from a thread that lives as long as the process should."""
        self.folder.mkdir(parents=True, exist_ok=True)
        bond = [sys.executable, "-m", "operando.experiment.leash", str(os.getpid()), str(self.niceness)]
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                [*bond, *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | dict(self.environment),
                start_new_session=True,
            )
        (self.folder / f"{self.name}.pid").write_text(f"{self._child.pid}\n")

    def tend(self) -> bool:
        """Start the process again if it has ended and may be; tell whether it runs."""
        if self.is_running:
            return True
        if self._child is None or self.restarts_left <= 0:
            return False
        self.restarts_left -= 1
        logger.warning("%s ended with code %s; started again (see %s)", self.name, self.exit_code, self.log)
        self.start()
        return True

    def wait_for(self, path: Path, timeout_s: float) -> None:
        """Wait until the process has written a file.

        Raises
        ------
        ProcessError
            When it ends first, or after `timeout_s`.
        """
        deadline = time.monotonic() + timeout_s
        while not path.exists():
            if not self.is_running:
                raise ProcessError(
                    f"{self.name} ended with code {self.exit_code} before it was ready\n{self.tail()}"
                )
            if time.monotonic() > deadline:
                raise ProcessError(f"{self.name} was not ready within {timeout_s:g} s\n{self.tail()}")
            self.wait(0.05)

    def wait(self, timeout_s: float) -> bool:
        """Wait until the process ends; tell whether it has."""
        if self._child is None:
            return True
        try:
            self._child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def ask_to_end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Send a signal, if the process runs."""
        if self._child is not None and self.is_running:
            self._child.send_signal(number)

    def end(self, grace_s: float = 10.0) -> None:
        """End the process and whatever it has left in its session: SIGTERM, then SIGKILL after `grace_s`."""
        if self._child is None:
            return
        self.restarts_left = 0
        self.ask_to_end()
        if not self.wait(grace_s):
            logger.warning("%s did not end within %g s and was killed", self.name, grace_s)
        _kill_session(self._child.pid)
        self._child.wait()
        (self.folder / f"{self.name}.pid").unlink(missing_ok=True)

    def tail(self, lines: int = 15) -> str:
        """Last lines of the log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def _kill_session(leader: int) -> None:
    """Kill the process group of a session's leader; the id cannot have been reused while a member lives."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return
