"""Particles of the simulated pillar found in a reconstruction of its projections, against its truth."""

from types import SimpleNamespace

import numpy as np
import pytest
from electrode_truth import matched
from operando.callbacks.analysis.imaging import (
    crack_calibration,
    grey_levels,
    measured_recipe,
    particle_table,
    reconstruct,
    segment_particles,
)
from operando.simulated_beamline.imaging_scenario import build_imaged_specimen
from operando.simulated_beamline.physics.specimen.electrode_projection import ProjectionCamera, project
from operando.simulated_beamline.physics.specimen.voxel_grid import VoxelGrid
from operando.simulated_beamline.scenario import load_scenario

pytestmark = pytest.mark.slow
SIDE, PIXEL_UM, PROJECTIONS, PHOTONS = 112, 0.18, 180, 2e4


def test_particles_of_a_reconstructed_pillar_are_counted_and_calibrated():
    pillar = build_imaged_specimen(load_scenario("nmc811-electrode"))
    cell = SimpleNamespace(lithium_content=0.6, charging=1.0, cycles=10.0, c_rate=0.5)
    middle_px = 0.5 * (SIDE - 1)
    camera = ProjectionCamera(SIDE, SIDE, PIXEL_UM, middle_px, middle_px)
    angles_deg = np.arange(PROJECTIONS) * 180.0 / PROJECTIONS
    state = pillar.at(8400.0, cell)
    through = np.stack([np.exp(-project(state, angle, camera).optical_depth) for angle in angles_deg])
    seen = (np.random.default_rng(5242).poisson(through * PHOTONS) / PHOTONS).astype(np.float32)
    volume = reconstruct(seen, angles_deg, pixel_um=PIXEL_UM, centre=middle_px).attenuation_per_um
    labels = segment_particles(volume).labels
    levels = grey_levels(volume, labels)
    line = crack_calibration(measured_recipe(volume, labels, levels))
    table = particle_table(volume, labels, pixel_um=PIXEL_UM, levels=levels, calibration=line)

    truth = pillar.truth(cell, VoxelGrid((2 * SIDE,) * 3, PIXEL_UM / 2)).label[::2, ::2, ::2]
    overlap, label = matched(truth, labels)
    hit = np.flatnonzero(overlap > 0.5)
    assert labels.max() == pytest.approx(truth.max(), rel=0.05)
    assert hit.size >= 0.93 * truth.max()
    assert overlap[hit].mean() >= 0.85
    lines = table.loc[label[hit]]
    error = (lines["crack_fraction"] - pillar.damage(cell).crack_fraction[hit]).mean()
    assert abs(error) < 2 * lines["crack_fraction_bias_sigma"].mean()
