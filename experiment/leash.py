"""Runs a command that is told to end (SIGTERM) when the process that started it dies.

Run as ``python -m operando.experiment.leash PARENT_PID COMMAND...``. On systems other than Linux the
command runs without that bond.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
"""Option of prctl(2): signal to receive when the parent dies; kept across exec."""


def main() -> None:
    """Bind this process to its parent, then become the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            raise SystemExit(1)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
