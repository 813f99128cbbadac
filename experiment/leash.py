"""Runs a command that gives way to others, and is told to end (SIGTERM) when its parent dies.

Run as ``python -m operando.experiment.leash PARENT_PID NICENESS COMMAND...``. On systems other than Linux the
command runs without the bond to its parent.
"""

import ctypes
import os
import signal
import sys
import threading

PR_SET_PDEATHSIG = 1
"""Option of prctl(2): signal to receive when the parent dies; kept across exec."""

AUTOGROUP = "/proc/self/autogroup"
"""Niceness of this process' session as a whole, see sched(7)."""

ATTEMPTS = 5
"""Attempts at the niceness of a session, which the kernel takes from ordinary users every 0.1 s."""


def give_way(niceness: int, autogroup: str = AUTOGROUP) -> None:
    """Let others go first, by 0 (not at all) to 19.

    Where Linux schedules each session as a group, a nice process in a session of its own gives way to nobody:
    the session must be nice itself.
    """
    if niceness <= 0:
        return
    os.nice(niceness)
    for _ in range(ATTEMPTS if os.path.exists(autogroup) else 0):
        try:
            with open(autogroup, "w") as file:
                file.write(str(niceness))
        except BlockingIOError:
            threading.Event().wait(0.1)
        except OSError:
            return
        else:
            return


def main() -> None:
    """Bind this process to its parent, then become the command."""
    parent, niceness, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            raise SystemExit(1)
    give_way(niceness)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
