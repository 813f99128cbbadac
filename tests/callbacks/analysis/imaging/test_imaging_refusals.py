"""What cannot be computed is refused by name, with what to give."""

import numpy as np
import pytest
from operando.callbacks.analysis.imaging import (
    SlicePreview,
    cluster_spectra,
    denoised,
    factorise_spectra,
    mixture_maps,
    normalise,
    particle_table,
    radial_profile,
    reconstruct,
    rotation_centre,
    segment_particles,
    valence_histogram,
    xanes_maps,
)

ENERGY = np.arange(8250.0, 8500.0, 2.0)
STACK = np.ones((ENERGY.size, 4, 4))
PROJECTIONS, ANGLES = np.ones((8, 2, 16)), np.arange(8.0)
VOLUME = np.ones((4, 4, 4))
NOISE = np.random.default_rng(6).normal(size=(32, 32, 32))
EDGE = 1 / (1 + np.exp((8343.0 - ENERGY) / 2))
NAN_ENERGY = np.append(ENERGY[:-1], np.nan)


@pytest.mark.parametrize(
    ("work", "says"),
    [
        (lambda: xanes_maps(STACK[:, :0], ENERGY, element="Ni"), "one pixel at least"),
        (lambda: mixture_maps(STACK, ENERGY, {}), r"0 references \(1 to 8\)"),
        (lambda: mixture_maps(STACK[:, :0], ENERGY, {"a": EDGE}), "one pixel at least"),
        (
            lambda: mixture_maps(STACK, ENERGY, {"a": EDGE, "b": EDGE[1:]}),
            "1 of 2 references of other shapes",
        ),
        (lambda: mixture_maps(STACK, NAN_ENERGY, {"a": EDGE}), "energies or a reference have values"),
        (lambda: valence_histogram([3.0, 3.1], [0.1, 0.1], bins=0), "0 bins; give"),
        (lambda: valence_histogram([3.0, 3.1], [0.1, 0.1], weight=[1.0] * 3), r"weight \(3,\)"),
        (lambda: cluster_spectra(STACK, 0), "0 clusters; give 1 or more"),
        (lambda: cluster_spectra(STACK[:1], 2), "4 components .* as many as it has energies"),
        (lambda: cluster_spectra(STACK, 2, mask=np.ones((3, 3))), r"mask of shape \(3, 3\)"),
        (lambda: denoised(STACK, components=0), "0 components"),
        (lambda: factorise_spectra(STACK, 0), "0 components or factors"),
        (lambda: factorise_spectra(STACK, 2, initial=np.ones((3, 4))), r"initial spectra of shape \(3, 4\)"),
        (lambda: cluster_spectra(STACK, 2), "all spectra are equal"),
        (lambda: particle_table(VOLUME, VOLUME.astype(int), pixel_um=0.0), "pixel_um = 0; give"),
        (lambda: radial_profile(VOLUME, VOLUME.astype(int), bins=0), "0 layers; give one"),
        (lambda: segment_particles(NOISE), "as in noise alone; is the specimen in the field"),
        (lambda: segment_particles(NOISE, crack_px=-1.0), "crack_px = -1; give voxels, or"),
        (lambda: segment_particles(NOISE, radius_px=0.0), "radius_px = 0; give voxels above 0"),
        (lambda: SlicePreview((4, 16), centre=np.nan), "centre = nan, pixel_um = 1.0; give a finite"),
        (lambda: reconstruct(PROJECTIONS, ANGLES, centre=8, pixel_um=np.nan), "pixel_um = nan; give"),
        (lambda: reconstruct(PROJECTIONS, ANGLES, centre=8, tilt_deg=np.nan), "tilt_deg = nan; give"),
        (lambda: reconstruct(PROJECTIONS, ANGLES, centre=8, threads=0), "threads = 0; give"),
        (lambda: reconstruct(900 * PROJECTIONS, ANGLES, centre=8), "median of 900 are counts.*give flats"),
        (lambda: rotation_centre(PROJECTIONS, 0 * ANGLES), "1 different ones of"),
        (lambda: normalise(np.nan * PROJECTIONS, PROJECTIONS), "at full scale, or no number"),
        (
            lambda: reconstruct(PROJECTIONS, ANGLES, centre=8, rings="some"),
            "give one of none, sorting, combined",
        ),
        (
            lambda: reconstruct(PROJECTIONS, ANGLES, centre=8, window="ham"),
            "'ham' is not known; give one of ramp",
        ),
    ],
)
def test_it_is_refused_by_name(work, says):
    with pytest.raises(ValueError, match=says):
        work()


def test_a_reference_that_is_not_there_is_told_with_those_that_are():
    found = mixture_maps(STACK * EDGE[:, None, None], ENERGY, {"NiO": EDGE})
    with pytest.raises(KeyError, match="no reference 'Ni'; there are NiO"):
        found.of("Ni")
