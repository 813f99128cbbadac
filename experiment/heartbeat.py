"""The sign of life that a potentiostat's watchdog waits for, given even while the RunEngine is paused."""

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

from ophyd.utils.errors import DisconnectedError

logger = logging.getLogger(__name__)


class Heartbeat:
    """Thread that writes a growing number to a signal as long as this process lives and is asked to.

    A plan gives signs of life at its own pace and none while it is paused; the watchdog is to fire when the
    process is gone, not when somebody thinks.

    Parameters
    ----------
    signal
        Signal of the potentiostat, such as `cell.heartbeat`.
    wanted
        Asked before each beat, e.g. whether a RunEngine is at work; by default always.
    period_s
        Wall time between two beats, s.
    """

    def __init__(
        self,
        signal: Any,  # noqa: ANN401 - ophyd's annotations are looser than what its signals do
        wanted: Callable[[], bool] = lambda: True,
        *,
        period_s: float = 1.0,
    ) -> None:
        self._signal = signal
        self._wanted = wanted
        self._period_s = period_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._away = False

    def __enter__(self) -> "Heartbeat":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def start(self) -> "Heartbeat":
        """Begin to beat."""
        self._thread.start()
        return self

    def end(self) -> None:
        """Cease to beat."""
        self._ended.set()
        self._thread.join(5.0)

    def _run(self) -> None:
        beats = 0
        while not self._ended.wait(self._period_s):
            if self._wanted():
                beats += 1
                self._beat(beats)

    def _beat(self, number: int) -> None:
        try:
            if not self._signal.connected:
                raise DisconnectedError(f"{self._signal.name} is not connected")
            self._signal.put(number, wait=False)
        except (DisconnectedError, OSError, RuntimeError, ValueError) as error:
            if not self._away:
                logger.warning("the cell does not feel the heartbeat: %s", error)
            self._away = True
        else:
            self._away = False
