"""Particles of packed electrodes, pressed and warped out of round, and what cycling does to each of them."""

from dataclasses import dataclass

import numpy as np
import pytest
from electrode_truth import matched
from operando.callbacks.analysis.imaging import (
    MeasuredState,
    calibrate_damage,
    compare_particles,
    damage_history,
    particle_table,
    segment_particles,
)
from operando.simulated_beamline.physics.specimen.electrode_image import (
    ElectrodeImage,
    ImageRecipe,
    electrode_image,
)
from operando.simulated_beamline.physics.specimen.outline import Outline
from operando.simulated_beamline.physics.specimen.packed_electrode import (
    Damage,
    ElectrodeRecipe,
    pack_electrode,
    wear,
)
from scipy.stats import spearmanr

pytestmark = pytest.mark.slow
VOXEL_UM = 0.2
SHIFT_PX = (2, -3, 1)


@dataclass(frozen=True)
class State:
    """What is measured of a worn electrode, and what is true."""

    image: ElectrodeImage
    damage: Damage
    seen: MeasuredState


def state(worn: float, shift_px=(0, 0, 0)) -> State:
    """Flat potatoes of one electrode, worn so far; each tomogram has its own noise."""
    rng = np.random.default_rng(22)
    recipe = ElectrodeRecipe(outline=Outline((20.0,) * 3, is_pillar=True), particles=110)
    electrode = pack_electrode(recipe, rng)
    damage = wear(electrode, worn)
    shape = ImageRecipe(VOXEL_UM, warp=0.12, warp_seed=22, stretch=(0.85, 1.08, 1.08))
    image = electrode_image(electrode, damage, shape, np.random.default_rng(int(100 * worn)))
    moved = np.roll(image.image, shift_px, axis=(0, 1, 2))
    labels = segment_particles(moved).labels
    return State(
        image, damage, MeasuredState(moved, labels, particle_table(moved, labels, pixel_um=VOXEL_UM))
    )


@pytest.fixture(scope="module")
def before() -> State:
    return state(0.25)


@pytest.fixture(scope="module")
def after() -> State:
    return state(0.8, SHIFT_PX)


def test_flat_potatoes_are_found(before):
    large = before.image.voxels >= 64
    overlap = matched(before.image.label, before.seen.labels)[0][large]
    assert before.seen.labels.max() == pytest.approx(large.sum(), rel=0.05)
    assert (overlap > 0.5).mean() >= 0.93
    assert overlap[overlap > 0.5].mean() >= 0.85


def test_particles_are_compared_before_and_after_cycling(before, after):
    found = compare_particles(before.seen, after.seen)
    np.testing.assert_allclose(found.shift_px, SHIFT_PX, atol=0.1)
    assert len(found.matched) >= 0.95 * before.seen.labels.max()
    assert len(found.matched) + len(found.lost) == len(before.seen.table)
    assert len(found.matched) + len(found.new) == len(after.seen.table)
    overlap, label = matched(before.image.label, before.seen.labels)
    known = np.flatnonzero((overlap > 0.5) & np.isin(label, found.matched.index))
    true = after.image.porosity[known] - before.image.porosity[known]
    lines = found.matched.loc[label[known]]
    assert spearmanr(lines["change"], true).statistic >= 0.8
    assert lines["change"].mean() > 0.01
    assert lines["clear"].mean() > 0.5
    held = ~(before.damage.attached & ~after.damage.attached)[known]
    came_loose = lines["detached_after"] & ~lines["detached_before"]
    assert (came_loose.to_numpy() == ~held).mean() > 0.9


def test_a_calibration_over_both_states_holds_for_other_particles(before, after):
    """One state alone has too narrow a range of damage for a line that holds for the other."""
    measured, true = [], []
    for one in (after, before):
        shifted = np.roll(one.image.label, SHIFT_PX if one is after else 0, axis=(0, 1, 2))
        overlap, label = matched(shifted, one.seen.labels)
        hit = overlap > 0.5
        measured.append(one.seen.table["crack_fraction"].loc[label[hit]].to_numpy())
        true.append(one.image.porosity[hit])
    measured, true = np.concatenate(measured), np.concatenate(true)
    line = calibrate_damage(measured[::2], true[::2])
    error = line.applied(measured[1::2]) - true[1::2]
    assert abs(np.nanmean(error)) < 0.005
    assert np.nanstd(error) < 1.5 * line.scatter


def test_damage_is_shown_against_depth_and_cycle(before, after):
    shown = damage_history(
        {0.0: before.seen.table, 20.0: after.seen.table}, separator_um=0.0, collector_um=20.0, bins=4
    )
    assert len(shown) == 8
    early, late = (shown[shown["cycle"] == cycle]["mean"].to_numpy() for cycle in (0.0, 20.0))
    assert (late > early).all()
    with pytest.raises(ValueError, match="no table"):
        damage_history({}, separator_um=0.0, collector_um=20.0)
