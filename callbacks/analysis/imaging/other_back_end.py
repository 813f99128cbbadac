"""Reconstruction by libraries that are not required: imported when asked for, one function each.

They are named as ``library`` or ``library:algorithm``. None comes with operando: astra is GPL-3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from .angle import FloatArray
from .ramp import FloatImage

Reconstructor = Callable[[Any, str, FloatImage, FloatArray, float], FloatImage]
"""Of module, algorithm, line integrals (angles, rows, columns), angles in rad, and column of the axis."""


@dataclass(frozen=True)
class OtherBackEnd:
    """A library that reconstructs.

    Attributes
    ----------
    module
        To be imported.
    install
        Command that installs it.
    algorithm
        Unless one is named.
    reconstructed
        Gives a volume of attenuation per pixel, shape (rows, y, x), oriented as the kernels' own.
    """

    module: str
    install: str
    algorithm: str
    reconstructed: Reconstructor


def _tomopy(
    library: Any,  # noqa: ANN401
    algorithm: str,
    integrals: FloatImage,
    angle_rad: FloatArray,
    centre: float,
) -> FloatImage:
    found = library.recon(integrals, angle_rad, center=centre, algorithm=algorithm, ncore=1)
    return np.asarray(found, dtype=np.float32)


def _svmbir(
    library: Any,  # noqa: ANN401
    algorithm: str,
    integrals: FloatImage,
    angle_rad: FloatArray,
    centre: float,
) -> FloatImage:
    if algorithm != SVMBIR_ONLY:
        raise ValueError(f"reconstruct: svmbir has no algorithm {algorithm!r}; give back_end 'svmbir' alone")
    offset = centre - 0.5 * (integrals.shape[-1] - 1)
    found = library.recon(integrals, angle_rad, center_offset=offset, num_threads=1, verbose=0)
    return np.ascontiguousarray(np.swapaxes(found, 1, 2), dtype=np.float32)


def _astra(
    library: Any,  # noqa: ANN401
    algorithm: str,
    integrals: FloatImage,
    angle_rad: FloatArray,
    centre: float,
) -> FloatImage:
    ndimage: Any = import_module("scipy.ndimage")
    width = integrals.shape[-1]
    # Astra's filter wants the axis in the middle.
    middle = ndimage.shift(integrals, (0, 0, 0.5 * (width - 1) - centre), order=1, mode="nearest")
    volume = library.create_vol_geom(width, width)
    rays = library.create_proj_geom("parallel", 1.0, width, angle_rad)
    projector = library.create_projector("linear", rays, volume)
    rows = [_astra_row(library, algorithm, projector, rays, volume, row) for row in np.moveaxis(middle, 1, 0)]
    library.projector.delete(projector)
    return np.stack(rows)


def _astra_row(
    library: Any,  # noqa: ANN401
    algorithm: str,
    projector: int,
    rays: Any,  # noqa: ANN401
    volume: Any,  # noqa: ANN401
    sinogram: FloatImage,
) -> FloatImage:
    data = library.data2d.create("-sino", rays, np.ascontiguousarray(sinogram))
    slices = library.data2d.create("-vol", volume)
    settings = library.astra_dict(algorithm)
    settings |= {"ProjectorId": projector, "ProjectionDataId": data, "ReconstructionDataId": slices}
    run = library.algorithm.create(settings)
    library.algorithm.run(run, ITERATIONS)
    found = np.asarray(library.data2d.get(slices), dtype=np.float32)
    library.algorithm.delete(run)
    library.data2d.delete([data, slices])
    return found


SVMBIR_ONLY = "mbir"
ITERATIONS = 100
"""Of those algorithms of astra that iterate; filtered back-projection does not."""
OTHERS = {
    "tomopy": OtherBackEnd("tomopy", "conda install -c conda-forge tomopy", "gridrec", _tomopy),
    "svmbir": OtherBackEnd("svmbir", "pip install svmbir", SVMBIR_ONLY, _svmbir),
    "astra": OtherBackEnd("astra", "pip install astra-toolbox (GPL-3)", "FBP", _astra),
}


def reconstructed_by(
    name: str, line_integrals: FloatImage, angle_rad: FloatArray, centre: float
) -> FloatImage:
    """Reconstruct detector rows by a library that is not required.

    Parameters
    ----------
    name
        ``tomopy``, ``svmbir`` or ``astra``, with ``:algorithm`` after it for another than the usual one.
    line_integrals
        Shape (angles, rows, columns).
    angle_rad
        Shape (angles,), rad.
    centre
        Column of the rotation axis, pixels.

    Returns
    -------
    ndarray
        Attenuation per pixel, shape (rows, columns, columns).

    Raises
    ------
    ValueError
        If there is no such library here, or svmbir is asked for another algorithm than its own.
    ModuleNotFoundError
        If it is not installed.
    """
    library, _, algorithm = name.partition(":")
    if library not in OTHERS:
        raise ValueError(
            f"reconstruct: back_end {name!r} is not known; give 'kernel', 'algotom', or one of "
            f"{', '.join(OTHERS)} with ':algorithm' after it where another than the usual one is wanted"
        )
    other = OTHERS[library]
    try:
        module = import_module(other.module)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"reconstruct: back_end {name!r} needs {library}, which is not installed: {other.install}",
            name=error.name,
        ) from error
    return other.reconstructed(module, algorithm or other.algorithm, line_integrals, angle_rad, centre)
