"""Cracks of the particles against their depth in the electrode, and from tomogram to tomogram."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .style import INK, tidy


def damage_figure(
    particles: pd.DataFrame,
    *,
    separator_um: float,
    collector_um: float,
    axis: str = "z_um",
    bins: int = 6,
    title: str = "",
) -> Figure:
    """Draw what cracks tell.

    Parameters
    ----------
    particles : pandas.DataFrame
        From `Experiment.particles`, of one tomogram or several.
    separator_um, collector_um : float
        Where on that axis the electrode begins and ends, um.
    axis : str
        Column with the place across the electrode, um.
    bins : int
        Layers.
    title : str
        Above it all, such as the name of the experiment.

    Returns
    -------
    matplotlib.figure.Figure
        Left: mean crack fraction of whole particles (not cut by the border) in layers from separator to
        current collector, a line per tomogram, bars its standard deviation. Right: mean crack fraction and
        detached part by tomogram, in the order of time, with its cycle where that is known. The title tells
        whether crack fractions are calibrated, and the sigma that the particles of a table have in common
        (mean, of the table where it is largest), which no bar knows of.

    Raises
    ------
    ValueError
        If no particles were looked for, or the border cuts all of them.
    """
    told = title or "experiment"
    if particles.empty:
        raise ValueError(
            f"{told}: no particles were looked for; they come with the volume of a tomogram, "
            "live or by operando reconstruct --particles"
        )
    whole = particles.loc[~particles["at_border"].astype(bool)]
    if whole.empty:
        raise ValueError(
            f"{told}: all {len(particles)} particles are cut by the border of their volumes; "
            "image a larger field, or smaller particles"
        )
    figure = Figure(figsize=(10.5, 4.4), layout="constrained", dpi=150)
    left, right = figure.subplots(1, 2)
    tidy(left, "depth (0 separator, 1 current collector)", "crack fraction")
    tidy(right, "tomogram", "crack fraction, detached part")
    groups = [table for _, table in whole.groupby(level="measurement_run", sort=False)]
    groups.sort(key=lambda table: float(table["time"].iloc[0]))
    colours = colormaps["viridis"](np.linspace(0.0, 0.85, len(groups)))
    for number, (table, colour) in enumerate(zip(groups, colours, strict=True), start=1):
        _depth(left, table, (separator_um, collector_um), axis, bins, colour, f"{number}: {_state(table)}")
    left.legend(frameon=False, fontsize=8)
    _course(right, groups)
    told = f"{title}   {len(whole)} particles   {_calibration(whole)}"
    figure.suptitle(told.strip(), fontsize=11, color=INK)
    return figure


def _calibration(particles: pd.DataFrame) -> str:
    """Say how far the mean of a table may be trusted: it is biased as all of its particles are."""
    known = particles["calibrated"].to_numpy(bool)
    tomograms = particles.index.get_level_values("measurement_run")
    part, of = tomograms[known].nunique(), tomograms.nunique()
    if part == 0:
        return "crack fractions not calibrated"
    tables = particles[known].groupby(level="measurement_run")
    sigma = max(
        float(np.mean(np.asarray(table["crack_fraction_bias_sigma"], dtype=float))) for _, table in tables
    )
    count = "calibrated" if part == of else f"calibrated in {part} of {of} tomograms"
    return f"crack fractions {count}, ± {sigma:.3f} in common"


def _state(table: pd.DataFrame) -> str:
    content = float(table["lithium_content"].iloc[0])
    known = [_cycle(table), f"x = {content:.3f}" if np.isfinite(content) else ""]
    told = ", ".join(filter(None, known)) or "state unknown"
    return told if np.asarray(table["calibrated"], dtype=bool).all() else f"{told}, not calibrated"


def _cycle(table: pd.DataFrame) -> str:
    """Name the cycle in which a tomogram was taken; empty where nobody knows."""
    cycle = float(table["cycle"].iloc[0]) if "cycle" in table.columns else float("nan")
    return f"cycle {cycle:.0f}" if np.isfinite(cycle) else ""


def _depth(
    axes: Axes,
    table: pd.DataFrame,
    ends_um: tuple[float, float],
    axis: str,
    bins: int,
    colour: np.ndarray,
    label: str,
) -> None:
    from ..analysis.imaging.particle_table import depth_profile

    profile = depth_profile(
        table, "crack_fraction", axis=axis, separator_um=ends_um[0], collector_um=ends_um[1], bins=bins
    )
    axes.errorbar(
        profile["depth"],
        profile["mean"],
        profile["sigma"],
        color=colour,
        marker="o",
        ms=4,
        lw=1.2,
        label=label,
    )


def _course(axes: Axes, groups: list[pd.DataFrame]) -> None:
    number = np.arange(1, len(groups) + 1)
    cracked = np.array([table["crack_fraction"].mean() for table in groups], dtype=float)
    sigma = [table["crack_fraction"].std() / np.sqrt(max(len(table), 1)) for table in groups]
    detached = [table["detached"].astype(float).mean() for table in groups]
    axes.errorbar(number, cracked, sigma, color=INK, marker="o", ms=5, lw=1.2, label="crack fraction")
    axes.plot(number, detached, color="#e07a1f", marker="s", ms=5, lw=1.2, label="detached part")
    axes.set_xticks(
        number, [f"{place}\n{_cycle(table)}" for place, table in zip(number, groups, strict=True)]
    )
    # Calibrated fractions of sound particles scatter about 0.
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0] if (cracked < 0.0).any() else 0.0))
    axes.legend(frameon=False, fontsize=8)
