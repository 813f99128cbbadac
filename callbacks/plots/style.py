"""How our pictures look: axes, words where there is nothing yet, colours of lithium content."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure, SubFigure

INK = "#1b2a41"
_COLOURS = "viridis_r"
_UNKNOWN = "0.7"
_WORDS = {"color": "0.35", "fontsize": 9}


SHORT_S = 1800.0
"""Below this a picture's time is in minutes, s."""


@dataclass(frozen=True)
class PictureClock:
    """Time in a picture, from its origin on: in hours, in minutes where it is short.

    Parameters
    ----------
    origin_s : float
        What is zero, on the clock of the documents (s).
    is_short : bool
        Whether minutes tell it better.
    """

    origin_s: float
    is_short: bool = False

    @classmethod
    def of(cls, time_s: np.ndarray) -> PictureClock:
        """From the first of these times on, as long as they last; none: from 0 s on."""
        if not time_s.size:
            return cls(0.0)
        return cls(float(time_s[0]), float(np.ptp(time_s)) < SHORT_S)

    @property
    def label(self) -> str:
        """Of the axis."""
        return "time (min)" if self.is_short else "time (h)"

    def __call__(self, time_s: Any) -> Any:  # noqa: ANN401
        """Time on the axis of a time of the documents (s), or of each of several."""
        return (time_s - self.origin_s) / (60.0 if self.is_short else 3600.0)


def edges_between(centres: np.ndarray, alone: float = 0.1) -> np.ndarray:
    """Edges (n + 1,) between rising centres (n,); equal ones are a hair apart, one by itself `alone` wide."""
    at = np.maximum.accumulate(centres + np.arange(len(centres)) * 1e-9)
    if len(at) == 1:
        return np.array([at[0] - 0.5 * alone, at[0] + 0.5 * alone])
    middles = 0.5 * (at[1:] + at[:-1])
    return np.concatenate([[2 * at[0] - middles[0]], middles, [2 * at[-1] - middles[-1]]])


def tidy(axes: Axes, x_label: str, y_label: str) -> None:
    """Label axes and leave out what is not needed."""
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(direction="in")


def panel_bar(figure: Figure | SubFigure, axes: Axes, shown: ScalarMappable, label: str) -> None:
    """Draw the key of a map's colours, as high as the map itself is, whatever its proportion."""
    bar = figure.colorbar(shown, cax=axes.inset_axes((1.04, 0.0, 0.05, 1.0)), label=label)
    bar.outline.set_visible(False)  # type: ignore[operator]
    bar.formatter.set_useOffset(False)  # type: ignore[attr-defined]


def say(axes: Axes, text: str) -> None:
    """Write into the middle of empty axes."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", **_WORDS)


def content_scale(lithium_content: np.ndarray) -> ScalarMappable:
    """Colours of lithium contents; what is not known is grey."""
    known = lithium_content[np.isfinite(lithium_content)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    colours = colormaps[_COLOURS].with_extremes(bad=_UNKNOWN)
    return ScalarMappable(Normalize(low, high if high > low else low + 0.01), colours)
