"""Voltage and current of a cell against time, with marks where measurements were made."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable

from .style import INK, PictureClock, say, tidy

CURRENT = "#b5651d"
MARKS = "osD^vP"
"""Of measurements in turn, so that they are told apart without colours."""
TAKEN = ("done", "late")


def draw_course(
    axes: Axes, cell: pd.DataFrame, ledger: pd.DataFrame, spectra: xr.Dataset | None, scale: ScalarMappable
) -> None:
    """Draw voltage and current, and when each measurement was made.

    Parameters
    ----------
    axes
        For the voltage (V) against time (h, or min); those of the current (mA) are added on the right.
    cell
        `Experiment.electrochemistry`.
    ledger
        `Experiment.ledger`: a mark on the voltage where a measurement began, a cross where one was missed.
    spectra
        Each gets a tick below, those that no ledger tells of, such as imported ones, too; None without.
    scale
        Colours of lithium content.
    """
    clock = PictureClock.of(cell["time"].to_numpy(float) if not cell.empty else np.array([]))
    tidy(axes, clock.label, "cell voltage (V)")
    if cell.empty:
        say(axes, "no samples of the cycler yet")
        return
    times = clock(cell["time"].to_numpy(float))
    axes.plot(times, cell["voltage"], color=INK, lw=1.4)
    axes.margins(x=0.01, y=0.08)
    _draw_current(axes, times, cell)
    if spectra is not None:
        _ticks(axes, spectra, clock, scale)
    if not ledger.empty:
        _marks(axes, cell, ledger, clock, scale)


def _draw_current(axes: Axes, times: np.ndarray, cell: pd.DataFrame) -> None:
    if "current" not in cell or not np.isfinite(cell["current"].astype(float)).any():
        return
    current = axes.twinx()
    current.plot(times, 1e3 * cell["current"].to_numpy(float), color=CURRENT, lw=1.0, alpha=0.8)
    current.set_ylabel("current (mA)", color=CURRENT)
    current.spines[["top", "left"]].set_visible(False)
    current.tick_params(direction="in", colors=CURRENT)
    current.margins(y=0.15)
    # The voltage and its marks lie above.
    axes.set_zorder(current.get_zorder() + 1)
    axes.patch.set_visible(False)


def _ticks(axes: Axes, spectra: xr.Dataset, clock: PictureClock, scale: ScalarMappable) -> None:
    at = clock(spectra["time"].to_numpy())
    colours = scale.to_rgba(spectra["lithium_content"].to_numpy())
    low = axes.get_ylim()[0]
    axes.vlines(at, low, low + 0.06 * np.ptp(axes.get_ylim()), colors=list(map(tuple, colours)), lw=1.2)
    axes.set_ylim(bottom=low)


def _marks(
    axes: Axes, cell: pd.DataFrame, ledger: pd.DataFrame, clock: PictureClock, scale: ScalarMappable
) -> None:
    asked = ledger.loc[(ledger["measurement"] != "") & ledger["status"].isin([*TAKEN, "missed"])]
    names = list(dict.fromkeys(asked["measurement"]))
    # More names than marks, such as one for each imported spectrum, are no legend.
    groups = {name: [name] for name in names} if len(names) <= len(MARKS) else {"measurements": names}
    for number, (name, members) in enumerate(groups.items()):
        own = asked.loc[asked["measurement"].isin(members)]
        taken = own.loc[own["status"].isin(TAKEN)]
        if taken.empty:
            continue
        begun_s = taken["time"].to_numpy(float) + np.nan_to_num(taken["delay_s"].to_numpy(float))
        axes.scatter(
            clock(begun_s),
            np.interp(begun_s, cell["time"].to_numpy(float), cell["voltage"].to_numpy(float)),
            c=scale.to_rgba(taken["lithium_content"].to_numpy(float)),
            marker=MARKS[number % len(MARKS)],
            s=22,
            zorder=3,
            edgecolors="white",
            linewidths=0.5,
            label=f"{name} ({len(taken)})",
        )
    missed = asked.loc[asked["status"] == "missed"]
    if not missed.empty:
        at = missed["time"].to_numpy(float)
        volt = np.interp(at, cell["time"].to_numpy(float), cell["voltage"].to_numpy(float))
        label = f"missed ({len(missed)})"
        axes.scatter(clock(at), volt, c="0.35", marker="x", s=24, zorder=3, label=label)
    if axes.get_legend_handles_labels()[0]:
        # Above the axes, where it hides neither voltage nor current.
        axes.legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=4)
