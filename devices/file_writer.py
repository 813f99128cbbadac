"""A device whose server writes files itself: its folder as the server and as we see it, and the documents."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from event_model import StreamRange, compose_stream_resource
from ophyd import Component as Cpt
from ophyd import Signal
from ophyd.status import DeviceStatus

from .bounded import fresh, in_background, until, write
from .order import Stops
from .reach import ReachedDevice

logger = logging.getLogger(__name__)


class FileWriter(ReachedDevice):
    """What is the same for all of them.

    Parameters
    ----------
    file_path, read_path
        Folder of the files as the server and as we see it; the same where one is given. Files go only below.
    reply_limit_s
        Wall time for an answer of the server, s.
    """

    file_path = Cpt(Signal, value="", kind="omitted")
    read_path = Cpt(Signal, value="", kind="omitted")

    def __init__(
        self,
        prefix: str = "",
        *,
        name: str,
        file_path: str = "",
        read_path: str = "",
        reply_limit_s: float = 10.0,
        **kwargs: Any,  # noqa: ANN401 - passed on to ophyd
    ) -> None:
        super().__init__(prefix, name=name, **kwargs)
        self.reply_limit_s = reply_limit_s
        self.stops = Stops()
        self.file_path.put(file_path or read_path)
        self.read_path.put(read_path or file_path)

    def stop(self, *, success: bool = False) -> None:
        """Leave it idle and its file closed, also where it is only being prepared."""
        del success
        self.stops.note()
        self.tell_to_rest()

    def tell_to_rest(self) -> None:
        """Tell it to end what it does, and to close its file."""
        raise NotImplementedError

    def in_turn(self, work: Callable[[], None], *, prepares: bool = False) -> DeviceStatus:
        """Do work in the background, once what was begun before has ended; see `Stops.heeding`."""
        done = self.stops.heeding(work, self.tell_to_rest, prepares=prepares)
        return in_background(self, done, told_otherwise=self.stops.since())

    def default_folder(self, folder: Path) -> None:
        """Write below this folder where the settings name none."""
        if not self.read_path.get():
            self.read_path.put(str(folder))
            self.file_path.put(str(folder))

    def new_file(self, folder: str, file_name: str) -> Path:
        """Tell where a new file will be, as we see it.

        Raises
        ------
        ValueError
            If that is not below the folder of the files.
        FileExistsError
            If there is such a file.
        """
        if not self.read_path.get():
            raise ValueError(f"{self.name}: has no folder for its files; give read_path in its settings")
        base = Path(str(self.read_path.get())).resolve()
        file = base / folder / file_name
        if not file.resolve().is_relative_to(base):
            raise ValueError(f"{self.name}: {file} leads out of {base}; files go only below it")
        if file.exists():
            raise FileExistsError(f"{self.name}: {file} exists already; give each series a name of its own")
        return file

    def make_folder(self, file: Path) -> None:
        """Make the folder of a file where we may; else its server has to, or has it."""
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            logger.warning("%s: %s was not made: %s", self.name, file.parent, error)

    def path_of_server(self, folder: str) -> str:
        """Folder as the server sees it, with the separator of its system at the end."""
        base = str(self.file_path.get())
        separator = "\\" if "\\" in base and "/" not in base else "/"
        parts = [base.rstrip("/\\"), *(part for part in folder.split("/") if part)]
        return separator.join(parts) + separator

    def complaint(self) -> str:
        """Say what the server tells of itself."""
        raise NotImplementedError

    def begin_to_write(self, writer: Any, path: str) -> None:  # noqa: ANN401 - any with these signals
        """Let a writer that has its settings open its file in a folder as the server sees it.

        Raises
        ------
        FileNotFoundError
            If the server does not see the folder.
        TimeoutError
            If the writer does not start.
        """

        def is_there() -> bool:
            # As it is now: what was told last may be of the folder before.
            return bool(fresh(writer.path_exists, self.reply_limit_s))

        def has_begun() -> bool:
            return bool(writer.capture.get()) and not writer.captured.get()

        if not until((writer.path_exists,), is_there, self.reply_limit_s):
            raise FileNotFoundError(
                f"{self.name}: its server has no folder {path}; make it, or correct file_path in the settings"
            )
        writer.capture.put(1)
        if not until((writer.capture, writer.captured), has_begun, self.reply_limit_s):
            raise TimeoutError(f"{self.name}: the writer does not start: {self.complaint()}")

    def _write(self, signal: Signal, value: object) -> None:
        write(signal, value, self.reply_limit_s)


def tell_of_data_set(
    file: Path, data_key: str, parameters: Mapping[str, Any], count: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Documents of a data set of a whole HDF5 file.

    Parameters
    ----------
    file
        As we see it.
    data_key
        Of the data set.
    parameters
        For its reader: `dataset`, `chunk_shape`, `swmr`.
    count
        Rows, each one event of the stream.

    Yields
    ------
    tuple
        Name and document.
    """
    bundle = compose_stream_resource(
        mimetype="application/x-hdf5",
        uri=f"file://localhost{file.resolve().as_uri().removeprefix('file://')}",
        data_key=data_key,
        parameters=dict(parameters),
    )
    yield "stream_resource", dict(bundle.stream_resource_doc)
    yield "stream_datum", dict(bundle.compose_stream_datum(StreamRange(start=0, stop=count)))
