"""Files that documents refer to: served only from the configured folders, links inside them included."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse


class ExternalFileRefusedError(ValueError):
    """A document refers to a file outside the configured folders."""


def resolve_external(uri: str, roots: tuple[Path, ...]) -> Path:
    """Find the real file of a URI and insist that it lies in one of the roots.

    A data root may be moved or copied as a whole: a file that is told of elsewhere is the one that lies below
    a root as it lay there, by its folder and name at least.

    Parameters
    ----------
    uri : str
        ``file://`` URI of a document.
    roots : tuple of Path
        Folders from which files may be served.

    Returns
    -------
    Path
        The file, symbolic links resolved.

    Raises
    ------
    ExternalFileRefusedError
        If the scheme is not ``file`` or the file lies elsewhere.
    """
    parsed = urlparse(uri)
    real = Path(unquote(parsed.path)).resolve()
    if parsed.scheme == "file":
        if is_inside(real, roots):
            return real
        if (moved := _moved(real, roots)) is not None:
            return moved
    raise ExternalFileRefusedError(
        f"{uri} is {real}, outside {', '.join(map(str, roots)) or 'any configured folder'}: it is not "
        "registered; move the file or add its folder to the external roots"
    )


def _moved(told: Path, roots: tuple[Path, ...]) -> Path | None:
    """Look for a file below the roots by its last folders, as many of them as fit."""
    for first in range(1, len(told.parts) - 1):
        for root in roots:
            candidate = root.joinpath(*told.parts[first:]).resolve()
            if candidate.is_file() and is_inside(candidate, (root,)):
                return candidate
    return None


def is_inside(path: Path, roots: tuple[Path, ...]) -> bool:
    """Tell whether a path, symbolic links resolved, lies in one of the roots."""
    real = path.resolve()
    return any(real.is_relative_to(root.resolve()) for root in roots)


def require_inner_links(path: Path, roots: tuple[Path, ...]) -> None:
    """Insist that what an HDF5 file draws from other files lies in the roots as well.

    External links, sources of virtual datasets and external storage are followed from file to file; any
    other kind of file has none.

    Parameters
    ----------
    path : Path
        The file; one that is absent or no HDF5 has no links.
    roots : tuple of Path
        Folders from which files may be served.

    Raises
    ------
    ExternalFileRefusedError
        If one of them lies elsewhere.
    """
    waiting, seen = [path.resolve()], set[Path]()
    while waiting:
        file = waiting.pop()
        seen.add(file)
        for name in _names_in(file):
            target = (file.parent / name).resolve()
            if not is_inside(target, roots):
                raise ExternalFileRefusedError(
                    f"{file} draws on {target}, outside {', '.join(map(str, roots))}: it is not registered; "
                    "copy what it links to into the file or add that folder to the external roots"
                )
            if target not in seen:
                waiting.append(target)


def _names_in(path: Path) -> list[str]:
    """Names of other files in an HDF5 file; relative ones count from its folder."""
    import h5py

    if not path.is_file() or not h5py.is_hdf5(path):
        return []
    # In SWMR mode, for its server may still write it: what it links to is fixed by then.
    with h5py.File(path, "r", libver="latest", swmr=True, locking=False) as file:
        return list(_linked(file))


def _linked(group: Any, seen: set[Any] | None = None) -> Iterator[str]:  # noqa: ANN401
    """Walk a group; ``seen`` holds the groups, for hard links may lead in a circle."""
    import h5py

    seen = set() if seen is None else seen
    for name in group:
        link = group.get(name, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            yield link.filename
        if not isinstance(link, h5py.HardLink):
            continue
        item = group[name]
        if isinstance(item, h5py.Dataset):
            yield from _sources(item)
        elif isinstance(item, h5py.Group) and item not in seen:
            seen.add(item)
            yield from _linked(item, seen)


def _sources(dataset: Any) -> Iterator[str]:  # noqa: ANN401
    """Files from which a data set takes its values; "." is the file itself."""
    yield from (source for source, *_ in dataset.external or ())
    if dataset.is_virtual:
        yield from (source.file_name for source in dataset.virtual_sources() if source.file_name != ".")
