"""Section `[diffraction]` of a scenario file: crystals of the cell, and the area detector behind it."""

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from .physics.layered_oxide import LATTICE_LENGTH
from .section import NotNegative, Positive, Section, WindowSection

Amplitude = Annotated[float, Field(ge=-0.9, le=0.9)]
Pixels = Annotated[int, Field(ge=0)]


class PhaseSection(Section):
    """A solid solution of the cathode.

    Attributes
    ----------
    name : str
        Such as H1.
    symmetry : str
        R-3m, C2/m or P-3m1.
    lattice : rows of [x, a, c] or, for C2/m, [x, a, b, c, beta]
        Angstrom and degree; x falls from row to row.
    """

    name: str
    symmetry: Literal["R-3m", "C2/m", "P-3m1"]
    lattice: tuple[tuple[float, ...], ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _rows_are_whole_and_fall(self) -> Self:
        length = LATTICE_LENGTH[self.symmetry] + 1
        if any(len(row) != length for row in self.lattice):
            raise ValueError(f"phase {self.name!r}: a row of {self.symmetry} has {length} numbers, x first")
        contents = [row[0] for row in self.lattice]
        if any(b >= a for a, b in pairwise(contents)) or not 0.0 <= contents[-1] <= contents[0] <= 1.0:
            raise ValueError(f"phase {self.name!r}: x must fall from row to row within 1..0, got {contents}")
        return self


class CrystalSection(Section):
    """A metal sheet among the layers of the cell.

    Attributes
    ----------
    layer : str
        Its name in `[[layers]]`; its formula is the metal.
    structure : str
        fcc or bcc.
    lattice_angstrom : float
        Edge of the cube.
    crystallite_nm, microstrain, texture : float
        See `physics.diffraction.Powder`.
    """

    layer: str
    structure: Literal["fcc", "bcc"]
    lattice_angstrom: Positive
    crystallite_nm: Positive = 150.0
    microstrain: NotNegative = 0.0
    texture: Amplitude = 0.0


class HaloSection(Section):
    """Broad maximum of an amorphous layer or a liquid; see `physics.diffraction.Halo`."""

    layer: str
    peak_per_angstrom: Positive
    width_per_angstrom: Positive = 0.3
    height: NotNegative = 1.0


class CathodeSection(Section):
    """Grains of the active material; see `physics.diffraction.Cathode`."""

    crystallite_nm: Positive = 120.0
    microstrain: NotNegative = 5e-4
    late_strain: NotNegative = 6e-3
    texture: Amplitude = 0.0
    lithium_spread: NotNegative = 0.01


class StationSection(WindowSection):
    """A powder on the sample holder, or an empty container; see `physics.powder_sample`.

    Attributes
    ----------
    name : str
        Of the place.
    powder : str
        What is in the container; "none" for nothing.
    areal_density_mg_cm2, lattice_angstrom, u_iso_angstrom2, crystallite_nm, microstrain : float
        Of the powder; the lattice is that of the certificate unless given.
    container, container_mg_cm2 : str, float
        Formula of what holds the powder, and how much of it is in the beam.
    """

    name: str
    radius_mm: Positive = 3.0
    powder: Literal["LaB6", "CeO2", "Si", "Ni", "none"]
    areal_density_mg_cm2: NotNegative = 0.0
    lattice_angstrom: Positive | None = None
    u_iso_angstrom2: Positive = 0.005
    crystallite_nm: Positive = 300.0
    microstrain: NotNegative = 0.0
    container: str = "C22H10N2O5"
    container_mg_cm2: Positive = 14.2


class DetectorSection(Section):
    """Geometry and flaws; see `physics.area_detector`."""

    rows: Annotated[int, Field(ge=16, le=8192)] = 1024
    columns: Annotated[int, Field(ge=16, le=8192)] = 1024
    data_type: Literal["UInt16", "UInt32"] = "UInt32"
    pixel_mm: Positive = 0.172
    distance_mm: Positive
    beam_row: float
    beam_column: float
    tilt_deg: Annotated[float, Field(ge=-45.0, le=45.0)] = 0.0
    tilt_azimuth_deg: float = 0.0
    beam_stop_mm: NotNegative = 2.0
    module_rows: Pixels = 0
    module_columns: Pixels = 0
    gap_pixels: Pixels = 0
    dead_pixels: Pixels = 0
    hot_pixels: Pixels = 0
    hot_counts_s: NotNegative = 1e4
    flat_rms: NotNegative = 0.0
    efficiency: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    dark_counts_s: NotNegative = 0.0


class DiffractionSection(Section):
    """What diffracts, and what counts it.

    Attributes
    ----------
    instrument_fwhm_deg : float
        Width of a sharp ring in two theta.
    texture_azimuth_deg : float
        Azimuth at which textured rings are strongest.
    detector, cathode : sections
    phases : tuple of PhaseSection
        Of the cathode, in the order in which lithium leaves; between two of them both are present.
    crystals, halos : tuple of sections
        For layers of the cell; a layer in neither has the halo of a glass.
    stations : tuple of StationSection
        Calibrants and empty containers on the sample holder.
    """

    instrument_fwhm_deg: Positive
    texture_azimuth_deg: float = 0.0
    detector: DetectorSection
    cathode: CathodeSection = CathodeSection()
    phases: tuple[PhaseSection, ...] = Field(min_length=1)
    crystals: tuple[CrystalSection, ...] = ()
    halos: tuple[HaloSection, ...] = ()
    stations: tuple[StationSection, ...] = ()

    @model_validator(mode="after")
    def _phases_follow_each_other(self) -> Self:
        for before, after in pairwise(self.phases):
            if after.lattice[0][0] >= before.lattice[-1][0]:
                raise ValueError(
                    f"phase {after.name!r} begins at x = {after.lattice[0][0]}: must be below the end of "
                    f"{before.name!r} at x = {before.lattice[-1][0]}"
                )
        return self
