"""Diffraction of a cell in one picture: patterns against time beside the voltage, lattice against lithium."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from .style import INK, PictureClock, content_scale, edges_between, say, tidy

if TYPE_CHECKING:
    from ..tiled.experiment import Experiment

BLUR_PERCENT = (2.0, 99.7)
"""Percentiles of the intensity between which the colours change."""

LATTICE_LABELS = {"a_angstrom": "a (Å)", "c_angstrom": "c (Å)"}
"""Columns of the lattice, and what the picture calls them."""


def pattern_figure(experiment: Experiment) -> Figure:
    """Draw what diffraction tells of an experiment, as far as there is any.

    Parameters
    ----------
    experiment : Experiment
        Running or finished.

    Returns
    -------
    matplotlib.figure.Figure
        Above: patterns (square root of the intensity above each pattern's floor, per its mean) over
        q (1/angstrom) and time (h or min), and beside them, at the same time, voltage (V) and lithium
        content, where the cycler has samples; patterns without counts or time are left out. Below, where one
        is known: a and c (angstrom) of the layered phase against lithium content with their uncertainty,
        crosses where the verdict is not a single phase.

    Raises
    ------
    ValueError
        If no frame of the experiment has a pattern.
    """
    patterns, lattice = experiment.patterns, experiment.lattice
    count = patterns.sizes.get("pattern", 0)
    rows: list[tuple[float, Callable[[SubFigure], None]]] = []
    if count:
        rows.append((5.0, partial(_draw_course, patterns=patterns, cell=experiment.electrochemistry)))
    if np.isfinite(lattice[list(LATTICE_LABELS)].to_numpy(float)).any():
        rows.append((3.2, partial(_draw_lattices, lattice=lattice)))
    if not rows:
        raise ValueError(
            f"{experiment.name}: no frame has a pattern; they come once a camera with its geometry in the "
            "beamline settings has taken frames and the live analysis has read them"
        )
    heights = [height for height, _ in rows]
    figure = Figure(figsize=(9.0, sum(heights)), layout="constrained", dpi=150)
    parts = figure.subfigures(len(rows), 1, height_ratios=heights, squeeze=False)[:, 0]
    for part, (_, draw) in zip(parts, rows, strict=True):
        draw(part)
    chemistry = experiment.cell.get("chemistry", "")
    left_out = lattice.attrs.get("frames_left_out", 0)
    told = f"{count} patterns" + (f", frames left out: {left_out}" if left_out else "")
    figure.suptitle(f"{experiment.name}   {chemistry}   {told}", fontsize=11, color=INK)
    return figure


def _draw_course(part: SubFigure, patterns: xr.Dataset, cell: pd.DataFrame) -> None:
    """Patterns, and the cell beside them at the same time, on whose clock they are where it has samples."""
    if cell.empty:
        time_s = patterns["time"].to_numpy()
        _draw_patterns(part.subplots(), patterns, PictureClock.of(time_s[np.isfinite(time_s)]))
        return
    clock = PictureClock.of(cell["time"].to_numpy(float))
    left, right = part.subplots(1, 2, width_ratios=(3.2, 1.0), sharey=True)
    _draw_patterns(left, patterns, clock)
    tidy(right, "cell voltage (V)", "")
    right.plot(cell["voltage"], clock(cell["time"]), color=INK, lw=1.3)
    _mark_content(right, cell, clock)


def _draw_patterns(axes: Axes, patterns: xr.Dataset, clock: PictureClock) -> None:
    tidy(axes, "q (1/Å)", clock.label)
    intensity, at_s = patterns["intensity"].to_numpy(), patterns["time"].to_numpy()
    shown, seen = np.isfinite(at_s) & np.isfinite(intensity).any(axis=1), np.isfinite(intensity).any(axis=0)
    if not shown.any():
        say(axes, "no pattern has counts and a time")
        return
    intensity, q, at_s = intensity[np.ix_(shown, seen)], patterns["q"].to_numpy()[seen], at_s[shown]
    above = np.clip(intensity - np.nanpercentile(intensity, 5, axis=1, keepdims=True), 0.0, None)
    # Frames of a burst and of a series are exposed for different times.
    shade = np.sqrt(above / np.maximum(np.nanmean(above, axis=1, keepdims=True), np.finfo(float).tiny))
    low, high = np.nanpercentile(shade, BLUR_PERCENT)
    edges = edges_between(clock(at_s))
    axes.pcolormesh(
        edges_between(q), edges, shade, cmap="magma", vmin=low, vmax=max(high, low + 1e-9), rasterized=True
    )
    axes.set_ylim(edges[0], edges[-1])


def _mark_content(axes: Axes, cell: pd.DataFrame, clock: PictureClock) -> None:
    """Write the lithium content to the marks of time, whichever way the cell goes."""
    if "lithium_content" not in cell or not np.isfinite(content := cell["lithium_content"]).any():
        return
    low, high = axes.get_ylim()
    marks = [float(mark) for mark in axes.get_yticks() if low <= mark <= high]
    at = np.interp(marks, clock(cell["time"].to_numpy(float)), content)
    beside = axes.secondary_yaxis("right")
    beside.set_yticks(marks, [f"{x:.2f}" if np.isfinite(x) else "" for x in at])
    beside.set_ylabel("lithium content x")
    beside.spines["right"].set_visible(False)
    beside.tick_params(direction="in")


def _draw_lattices(part: SubFigure, lattice: pd.DataFrame) -> None:
    for axes, (column, label) in zip(part.subplots(1, 2), LATTICE_LABELS.items(), strict=True):
        draw_lattice(axes, lattice, column, label)


def draw_lattice(axes: Axes, lattice: pd.DataFrame, column: str, label: str) -> None:
    """Draw a lattice constant of `Experiment.lattice` against lithium content, with its uncertainty."""
    tidy(axes, "lithium content x", label)
    known = lattice.loc[np.isfinite(lattice[column].astype(float))]
    if known.empty:
        say(axes, "no lattice yet")
        return
    x = known["lithium_content"].to_numpy(float)
    value, sigma = known[column].to_numpy(float), known[f"{column}_sigma"].to_numpy(float)
    single = known["verdict"].to_numpy() == "single"
    colours = content_scale(x).to_rgba(x)
    axes.errorbar(x, value, np.nan_to_num(sigma), fmt="none", ecolor="0.6", elinewidth=0.9, zorder=1)
    axes.scatter(
        x[single], value[single], c=colours[single], s=22, edgecolors="white", linewidths=0.4, zorder=2
    )
    axes.scatter(x[~single], value[~single], c=colours[~single], s=24, marker="x", zorder=2)
    axes.invert_xaxis()
    axes.ticklabel_format(useOffset=False)
    axes.margins(0.05)
