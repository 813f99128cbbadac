"""Diffraction of a cell in one picture: patterns against time beside the voltage, lattice against lithium."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .style import INK, PictureClock, content_scale, say, tidy

if TYPE_CHECKING:
    from ..tiled.experiment import Experiment

BLUR_PERCENT = (2.0, 99.7)
"""Percentiles of the intensity between which the colours change."""


def pattern_figure(experiment: Experiment) -> Figure:
    """Draw what diffraction tells of an experiment; parts that are still missing say so.

    Parameters
    ----------
    experiment : Experiment
        Running or finished.

    Returns
    -------
    matplotlib.figure.Figure
        Above: patterns (square root of the intensity above each pattern's floor, per its mean) over
        q (1/angstrom) and time (h or min), and beside them, at the same time, voltage (V) and lithium
        content; patterns without counts or time are left out. Below: a and c (angstrom) of the layered phase
        against lithium content with their uncertainty, crosses where the verdict is not a single phase.
    """
    patterns, lattice = experiment.patterns, experiment.lattice
    cell = experiment.electrochemistry
    clock = PictureClock.of(_times_s(cell, patterns))
    figure = Figure(figsize=(9.0, 8.2), layout="constrained", dpi=150)
    above, below = np.asarray(figure.subfigures(2, 1, height_ratios=(1.5, 1.0)), dtype=object)
    left, right = above.subplots(1, 2, width_ratios=(3.2, 1.0), sharey=True)
    _draw_patterns(left, patterns, clock)
    _draw_voltage(right, cell, clock)
    _mark_content(right, cell, clock)
    for axes, column, label in zip(
        below.subplots(1, 2), ("a_angstrom", "c_angstrom"), ("a (Å)", "c (Å)"), strict=True
    ):
        draw_lattice(axes, lattice, column, label)
    chemistry = experiment.cell.get("chemistry", "")
    count, left_out = patterns.sizes.get("pattern", 0), lattice.attrs.get("frames_left_out", 0)
    told = f"{count} patterns" + (f", frames left out: {left_out}" if left_out else "")
    figure.suptitle(f"{experiment.name}   {chemistry}   {told}", fontsize=11, color=INK)
    return figure


def _times_s(cell: pd.DataFrame, patterns: xr.Dataset) -> np.ndarray:
    """Give the times of the cell, else those that are known of the patterns (s)."""
    if not cell.empty:
        return cell["time"].to_numpy(float)
    time_s = patterns["time"].to_numpy() if patterns.sizes.get("pattern", 0) else np.array([])
    return time_s[np.isfinite(time_s)]


def _draw_patterns(axes: Axes, patterns: xr.Dataset, clock: PictureClock) -> None:
    tidy(axes, "q (1/Å)", clock.label)
    if not patterns.sizes.get("pattern", 0):
        say(axes, "no integrated frame yet")
        return
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
    edges = _edges(clock(at_s))
    axes.pcolormesh(
        _edges(q), edges, shade, cmap="magma", vmin=low, vmax=max(high, low + 1e-9), rasterized=True
    )
    axes.set_ylim(edges[0], edges[-1])


def _edges(centres: np.ndarray) -> np.ndarray:
    """Edges between centres that rise, (n + 1,); equal ones are moved apart by a hair."""
    at = np.maximum.accumulate(centres + np.arange(len(centres)) * 1e-9)
    if len(at) == 1:
        return np.array([at[0] - 0.05, at[0] + 0.05])
    middles = 0.5 * (at[1:] + at[:-1])
    return np.concatenate([[2 * at[0] - middles[0]], middles, [2 * at[-1] - middles[-1]]])


def _draw_voltage(axes: Axes, cell: pd.DataFrame, clock: PictureClock) -> None:
    tidy(axes, "cell voltage (V)", "")
    if cell.empty:
        say(axes, "no samples of\nthe cycler yet")
        return
    axes.plot(cell["voltage"], clock(cell["time"]), color=INK, lw=1.3)


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


def draw_lattice(axes: Axes, lattice: pd.DataFrame, column: str, label: str) -> None:
    """Draw a lattice constant of `Experiment.lattice` against lithium content, with its uncertainty."""
    tidy(axes, "lithium content x", label)
    known = lattice.loc[np.isfinite(lattice[column].astype(float))] if not lattice.empty else lattice
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
