"""Impedance spectra as people look at them: Nyquist, size and phase, coloured by lithium content."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

from .style import INK, content_scale, tidy

_MARKED_HZ = 10.0 ** np.arange(-5, 8)


def nyquist_figure(spectra: xr.Dataset, name: str = "") -> Figure:
    """Draw impedance spectra.

    Parameters
    ----------
    spectra : xarray.Dataset
        As of `operando.callbacks.tiled.impedance.impedance_dataset`.
    name : str
        For the title.

    Returns
    -------
    matplotlib.figure.Figure
        Left: minus the imaginary against the real part (ohm) at one scale, whole decades of frequency as
        filled points. Right: size (ohm) and phase (degree) against frequency (Hz).
    """
    scale = content_scale(spectra["lithium_content"].to_numpy())
    figure = Figure(figsize=(9.6, 4.8), layout="constrained", dpi=150)
    left, right = np.asarray(figure.subfigures(1, 2, width_ratios=(1.15, 1.0)), dtype=object)
    plane = left.subplots()
    size, phase = right.subplots(2, 1, sharex=True)
    frequency = spectra["frequency"].to_numpy()
    colours = scale.to_rgba(spectra["lithium_content"].to_numpy())
    for one, colour in zip(spectra["impedance"].to_numpy(), colours, strict=True):
        known = np.isfinite(one)
        _draw_plane(plane, frequency[known], one[known], colour)
        size.loglog(frequency[known], np.abs(one[known]), color=colour, lw=1.2)
        phase.semilogx(frequency[known], np.angle(one[known], deg=True), color=colour, lw=1.2)
    _finish_plane(plane, scale)
    tidy(size, "", "|Z| (ohm)")
    tidy(phase, "frequency (Hz)", "phase (degree)")
    count = spectra.sizes["spectrum"]
    figure.suptitle(
        f"{name}   {count} impedance {'spectrum' if count == 1 else 'spectra'}", fontsize=11, color=INK
    )
    return figure


def _draw_plane(
    axes: Axes, frequency_hz: np.ndarray, ohm: npt.NDArray[np.complex128], colour: np.ndarray
) -> None:
    axes.plot(ohm.real, -ohm.imag, color=colour, lw=1.0, marker="o", ms=3, mfc="white", mew=0.8)
    if not frequency_hz.size:
        return
    nearest = {int(np.argmin(np.abs(np.log(frequency_hz / mark)))) for mark in _MARKED_HZ}
    decades = [n for n in nearest if np.min(np.abs(np.log(frequency_hz[n] / _MARKED_HZ))) < 0.05]
    axes.plot(ohm.real[decades], -ohm.imag[decades], ls="none", marker="o", ms=4, color=colour)


def _finish_plane(axes: Axes, scale: ScalarMappable) -> None:
    tidy(axes, "Re Z (ohm)", "-Im Z (ohm)")
    axes.set_aspect("equal", adjustable="datalim")
    axes.axhline(0.0, color="0.8", lw=0.8, zorder=0)
    bar = axes.figure.colorbar(scale, ax=axes, location="top", pad=0.02, aspect=35)
    bar.set_label("lithium content x")
    bar.outline.set_visible(False)
