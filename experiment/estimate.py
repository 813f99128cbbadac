"""What an experiment will take: time, spectra, blur, dose and bytes, before anything starts."""

from collections.abc import Sequence
from dataclasses import dataclass

import xraydb

from ..plans.duration import Timing, estimate_duration_s, estimate_series_s, expected_blur
from .asked_file import AskedSection
from .chemistry import CHEMISTRIES
from .coherent_file import PtychographyFile
from .expected_course import Course, course_of
from .file import CommonTables, ExperimentFile
from .measurement_file import EdgeFile, FlyXanesFile, PdfFile, XrdFile
from .raster_file import RasterFile, RockingFile
from .raster_measurement import raster_dead_time, raster_duration_s
from .request_count import expected_requests
from .scan_grid import angles_of, energy_grid, fly_sweeps, pdf_options, raster_of, series_options
from .technique import Reckoning, TechniqueSection

BYTES_PER_POINT = 600
"""Bytes of one event of a scan in the journal."""

BYTES_PER_SAMPLE = 150
"""Bytes of one sample of the cycler in the journal."""

REHEARSAL_POINT_S = 0.026
"""Wall time of one point of a rehearsed scan, as measured: exposures pass at once, software does not, s."""

REHEARSAL_SPECTRUM_S = 0.5
"""Wall time of a rehearsed spectrum beside its points, s."""

FRAME_MB = 4.0
"""What one frame takes in a file where the beamline does not say, MB."""

PICTURE_MB = 2.1
"""Likewise one of a microscope's camera, MB."""

SPECTRUM_MB = 0.066
"""What the fluorescence spectra of one pixel take in a file, four elements of 4096 channels, MB."""

UNKNOWN_ENERGY_EV = 12000.0
"""Photon energy at which dose is reckoned where a series takes it as it is, eV."""

REHEARSAL_CAMERA_S = 12.0
"""Wall time of a rehearsed calibration of the camera, most of it for the import of pyFAI, s."""

REHEARSAL_START_S = 20.0
"""Wall time until the services of a rehearsal run, and until they have ended, s."""

JOULE_PER_EV = 1.602176634e-19
CM2_PER_MM2 = 1e-2


@dataclass(frozen=True)
class MeasurementEstimate:
    """What one measurement will take.

    Attributes
    ----------
    name
        Measurement.
    points
        Energies of one spectrum, or frames of one series.
    duration_s
        Time of one spectrum or series, s.
    count
        Number of them expected.
    blur
        Largest change of lithium content during one spectrum or frame.
    max_blur
        What is accepted.
    interval_s
        Time between two triggers at the largest current, s; infinite where it is not known.
    dose_mgy
        Absorbed dose of all of them in the cathode, MGy.
    size_bytes
        Bytes in the journal.
    frames_bytes
        Bytes in the files of a camera.
    words
        What smears the cell, and what one trigger asks for; a spectrum or frames unless given.
    dead_time
        Where the time goes in which no detector counts; empty if there is nothing to say.
    """

    name: str
    points: int
    duration_s: float
    count: int
    blur: float
    max_blur: float
    interval_s: float
    dose_mgy: float
    size_bytes: int
    frames_bytes: int = 0
    words: tuple[str, str] = ("", "")
    dead_time: str = ""

    @property
    def warnings(self) -> list[str]:
        """Sentences on what will not come out as asked."""
        told: list[str] = []
        one, whole = ("frame", "series") if self.frames_bytes else ("spectrum", "spectrum")
        one, whole = self.words[0] or one, self.words[1] or whole
        if self.blur > self.max_blur:
            told.append(
                f"{self.name}: one {one} blurs {self.blur:.3f} of lithium, accepted {self.max_blur:g}"
            )
        if self.duration_s > self.interval_s:
            told.append(
                f"{self.name}: a {whole} takes {self.duration_s:.0f} s, but is asked for every "
                f"{self.interval_s:.0f} s at the largest current: some will be late or missed"
            )
        return told


def measurement_estimates(
    experiment: ExperimentFile, timing: Timing, frame_mb: float = FRAME_MB, picture_mb: float = PICTURE_MB
) -> list[MeasurementEstimate]:
    """Estimate every measurement of an experiment on a beamline with these dead times and frames (MB).

    `frame_mb` is what a frame of the camera takes, `picture_mb` one of the microscope's camera.
    """
    course, beam = course_of(experiment), experiment.beam
    found: list[MeasurementEstimate] = []
    for entry in experiment.measurements:
        if isinstance(entry, TechniqueSection):
            one = entry.reckoning(timing, frame_mb if "camera" in entry.devices() else picture_mb)
        elif isinstance(entry, RasterFile):
            one = _map(entry, timing, frame_mb, beam.width_mm * beam.height_mm)
        else:
            one = _single(entry, timing, frame_mb)
        found.append(_estimate(experiment, entry, one, course))
    return found


def _map(entry: RasterFile, timing: Timing, frame_mb: float, beam_mm2: float) -> Reckoning:
    """Reckon a map; a place of the specimen is lit as long as the beam overlaps its pixels."""
    raster = raster_of(entry)
    rows, columns = raster.shape
    angles = len(angles_of(entry)) if isinstance(entry, RockingFile) else 1
    duration_s = raster_duration_s(entry, timing)
    overlap = max(1.0, beam_mm2 * 1e6 / entry.step_um**2)
    whole = isinstance(entry, RockingFile | PtychographyFile)
    pixel_mb = {"fluorescence_detector": SPECTRUM_MB, "camera": frame_mb}
    return Reckoning(
        points=angles * rows * columns,
        duration_s=duration_s,
        blur_s=duration_s if whole else duration_s / rows,
        lit_s=angles * min(overlap * entry.dwell_s, raster.counting_s),
        energy_ev=entry.energy_ev or UNKNOWN_ENERGY_EV,
        frames_bytes=int(angles * rows * columns * sum(pixel_mb[each] for each in entry.detectors) * 1e6),
        words=(entry.spoken, entry.spoken) if whole else ("row", entry.spoken),
        dead_time=raster_dead_time(entry, timing) if isinstance(entry, PtychographyFile) else "",
    )


def _single(entry: EdgeFile | XrdFile | PdfFile, timing: Timing, frame_mb: float) -> Reckoning:
    if isinstance(entry, PdfFile):
        exposed_s = entry.frames * entry.exposure_s
        return Reckoning(
            points=entry.frames,
            duration_s=pdf_options(entry, "").duration_s(timing, with_background=False),
            blur_s=exposed_s,
            lit_s=exposed_s if entry.sample is None else 0.0,
            energy_ev=entry.energy_ev,
            frames_bytes=int(entry.frames * frame_mb * 1e6),
        )
    if isinstance(entry, XrdFile):
        options = series_options(entry)
        return Reckoning(
            points=entry.frames,
            duration_s=options.duration_s(timing),
            blur_s=entry.exposure_s,
            lit_s=options.lit_s,
            energy_ev=entry.energy_ev or UNKNOWN_ENERGY_EV,
            frames_bytes=int(entry.frames * frame_mb * 1e6),
        )
    if isinstance(entry, FlyXanesFile):
        sweeps = fly_sweeps(entry)
        grid, lit_s = sweeps.grid, sweeps.lit_s
        return Reckoning(len(grid), sweeps.duration_of_all_s(timing), lit_s, lit_s, grid.e0_ev)
    grid = energy_grid(entry)
    duration_s = estimate_duration_s(grid, timing)
    return Reckoning(len(grid), duration_s, duration_s, grid.counting_s, grid.e0_ev)


def _estimate(
    experiment: ExperimentFile,
    entry: AskedSection,
    one: Reckoning,
    course: Course,
) -> MeasurementEstimate:
    full_mah = experiment.cell.full_capacity_mah
    if entry.trigger is None:
        count, interval_s = len(experiment.acquisition.states), float("inf")
    else:
        count, interval_s = expected_requests(entry.trigger.trigger, course, full_mah)
        count = 1 if entry.trigger.onset_confirmed else count
    blur = expected_blur(one.blur_s, course.current_max_a, full_mah)
    return MeasurementEstimate(
        name=entry.name,
        points=one.points,
        duration_s=one.duration_s,
        count=count,
        blur=0.0 if experiment.acquisition.holds else blur,
        max_blur=entry.max_blur,
        interval_s=interval_s,
        dose_mgy=dose_rate_mgy_s(experiment, one.energy_ev or UNKNOWN_ENERGY_EV) * one.lit_s * count,
        size_bytes=count * one.points * BYTES_PER_POINT,
        frames_bytes=count * one.frames_bytes,
        words=one.words,
        dead_time=one.dead_time,
    )


def dose_rate_mgy_s(experiment: ExperimentFile, energy_ev: float) -> float:
    """Absorbed dose rate in the cathode, MGy/s.

    Fluence rate times mass absorption coefficient (Elam tables through xraydb) of the oxide above the edge;
    nothing in front of the cathode is subtracted, so it is an upper bound.
    """
    beam = experiment.beam
    formula = CHEMISTRIES[experiment.cell.chemistry].formula
    per_gram_cm2 = xraydb.material_mu(formula, energy_ev + 50.0, density=1.0, kind="total")
    fluence_rate = beam.flux_per_s / (beam.width_mm * beam.height_mm * CM2_PER_MM2)
    gray_per_s = fluence_rate * energy_ev * JOULE_PER_EV * float(per_gram_cm2) * 1e3
    return gray_per_s * 1e-6


def relaxing_s(experiment: ExperimentFile) -> tuple[float, float]:
    """Shortest and longest time that the cell rests in step and hold until it is measured, all states, s."""
    acquisition = experiment.acquisition
    relaxation, count = acquisition.relaxation, len(acquisition.states)
    return count * relaxation.shortest_s, count * relaxation.longest_s


def rehearsal_s(experiment: ExperimentFile, estimates: list[MeasurementEstimate], speed: float) -> float:
    """Wall time of a rehearsal, s: the cell lives `speed` times faster, but the software takes its time.

    Parameters
    ----------
    experiment, estimates
        What is rehearsed.
    speed
        How much faster than real the cell lives while nothing is measured.
    """
    scanned_s = sum(estimate.count * estimate.duration_s for estimate in estimates)
    cycled_s = course_of(experiment).duration_s
    alone_s = relaxing_s(experiment)[0] + max(
        0.0, cycled_s - (0.0 if experiment.acquisition.holds else scanned_s)
    )
    return REHEARSAL_START_S + alone_s / speed + software_s(experiment, estimates)


def software_s(experiment: CommonTables, estimates: Sequence[MeasurementEstimate]) -> float:
    """Wall time that calibration, references and measurements cost a rehearsal, s."""
    points = sum(estimate.count * estimate.points for estimate in estimates)
    points += sum(len(energy_grid(reference)) for reference in experiment.references)
    points += 2 * len(energy_grid(experiment.calibration)) if experiment.calibration else 0
    spectra = sum(estimate.count for estimate in estimates) + len(experiment.references)
    spectra += 2 if experiment.calibration else 0
    camera_s = REHEARSAL_CAMERA_S if experiment.camera_calibration else 0.0
    return points * REHEARSAL_POINT_S + spectra * REHEARSAL_SPECTRUM_S + camera_s


def camera_calibration_s(experiment: CommonTables, timing: Timing) -> float:
    """Time of the calibration of the camera before the cell starts, without its fit, s; 0 without one."""
    entry = experiment.camera_calibration
    if entry is None:
        return 0.0
    return estimate_series_s(entry.frames, entry.exposure_s, entry.exposure_s, timing)


def size_bytes(experiment: ExperimentFile, estimates: list[MeasurementEstimate]) -> int:
    """Bytes of the whole experiment in the journal."""
    held_s = relaxing_s(experiment)[0] + experiment.acquisition.holds * sum(
        estimate.count * estimate.duration_s for estimate in estimates
    )
    samples = (course_of(experiment).duration_s + held_s) / experiment.protocol.record.dt_s
    return int(samples * BYTES_PER_SAMPLE) + sum(estimate.size_bytes for estimate in estimates)


def frames_bytes(estimates: Sequence[MeasurementEstimate]) -> int:
    """Bytes of all frames in the files of the camera."""
    return sum(estimate.frames_bytes for estimate in estimates)
