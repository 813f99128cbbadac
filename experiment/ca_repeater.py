"""The Channel Access repeater of pyepics' own library: ``python -m operando.experiment.ca_repeater``.

Clients of that library register by an empty datagram, which other repeaters may leave unanswered.
"""

import ctypes
import signal

from epics.ca import find_libca


def main() -> None:
    """Repeat beacons at ``EPICS_CA_REPEATER_PORT`` until a signal; ends at once where another one does."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    ctypes.CDLL(find_libca()).caRepeaterThread(None)


if __name__ == "__main__":
    main()
