"""Instruments that not each experiment needs."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class WantedDevices:
    """Which instruments are built, simulated and followed; the names are those of `load_beamline`.

    Attributes
    ----------
    camera
        Its frames are analysed live.
    nanoprobe
        Its maps are.
    trigger_box
        For scans on the fly.
    microscope
        Its tomograms are shown live, and reconstructed where they ask for it.
    """

    camera: bool = False
    nanoprobe: bool = False
    trigger_box: bool = False
    microscope: bool = False
