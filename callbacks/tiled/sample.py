"""Common coordinates of what was measured on the sample of an experiment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..analysis.imaging.sample_frame import SampleFrame

KEY = "sample_frame"


def sample_frames(
    measurements: Iterable[Mapping[str, Any]], analyses: Iterable[Mapping[str, Any]]
) -> dict[str, SampleFrame]:
    """Read where each measurement lies in the sample: as it was placed last, else as its start document says.

    Parameters
    ----------
    measurements, analyses
        Start documents of an experiment, by time.

    Returns
    -------
    dict
        `SampleFrame` by uid of the measurement's run; of a tomogram it is that of its volume. Those without
        are left out.
    """
    from ..analysis.imaging.sample_frame import SampleFrame

    found: dict[str, Mapping[str, Any]] = {start["uid"]: start[KEY] for start in measurements if KEY in start}
    results = [start["analysis"] for start in analyses]
    # What was registered counts, even where a volume was made anew since.
    for analysis in sorted(results, key=lambda one: one["name"] == KEY):
        if KEY in analysis["parameters"]:
            found[analysis["of"]] = analysis["parameters"][KEY]
    return {uid: SampleFrame.from_metadata(told) for uid, told in found.items()}
