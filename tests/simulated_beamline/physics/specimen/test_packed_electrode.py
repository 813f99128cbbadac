"""Packed electrodes do not overlap, crack and come loose ever further, and are the same for the same seed."""

from dataclasses import replace

import numpy as np
import pytest
from operando.simulated_beamline.physics.specimen.binder import binder_where, find_binder
from operando.simulated_beamline.physics.specimen.crack import crack_plates
from operando.simulated_beamline.physics.specimen.electrode_image import ImageRecipe, electrode_image
from operando.simulated_beamline.physics.specimen.electrode_volume import Phase, voxels
from operando.simulated_beamline.physics.specimen.outline import Outline
from operando.simulated_beamline.physics.specimen.packed_electrode import (
    ElectrodeRecipe,
    pack_electrode,
    severity,
    wear,
)
from operando.simulated_beamline.physics.specimen.voxel_grid import VoxelGrid
from scipy.ndimage import center_of_mass
from scipy.spatial.distance import pdist

SMALL = ElectrodeRecipe(
    outline=Outline((12.0, 12.0, 12.0), is_pillar=True), particles=30, solid_fraction=0.4, detaching_share=0.4
)
ELECTRODE = pack_electrode(SMALL, np.random.default_rng(5))
GRID = VoxelGrid((128, 128, 128), 0.1)


@pytest.mark.parametrize(
    ("particles", "is_pillar", "solid_fraction"),
    [(20, True, 0.4), (500, True, 0.45), (500, False, 0.5)],
)
def test_no_two_particles_overlap_and_none_sticks_out(particles, is_pillar, solid_fraction):
    outline = Outline((40.0, 40.0, 40.0), is_pillar=is_pillar)
    recipe = ElectrodeRecipe(outline=outline, particles=particles, solid_fraction=solid_fraction)
    electrode = pack_electrode(recipe, np.random.default_rng(1))
    first, second = np.triu_indices(electrode.count, 1)
    assert np.all(
        pdist(electrode.centre_um) >= (electrode.radius_um[first] + electrode.radius_um[second]) * (1 - 1e-9)
    )
    kept = outline.keep_inside(electrode.centre_um, electrode.radius_um)
    np.testing.assert_allclose(kept, electrode.centre_um, atol=1e-9)
    assert electrode.solid_fraction == pytest.approx(solid_fraction, rel=0.05)


def test_sizes_are_lognormal():
    recipe = ElectrodeRecipe(particles=1000, size_spread=0.25)
    logs = np.log(pack_electrode(recipe, np.random.default_rng(1)).radius_um)
    assert logs.std() == pytest.approx(0.25, abs=0.03)
    assert logs.mean() == pytest.approx(np.median(logs), abs=0.03)


def test_the_same_seed_packs_the_same_electrode():
    again = pack_electrode(SMALL, np.random.default_rng(5))
    np.testing.assert_array_equal(again.centre_um, ELECTRODE.centre_um)
    np.testing.assert_array_equal(again.cracks.direction, ELECTRODE.cracks.direction)
    assert np.any(pack_electrode(SMALL, np.random.default_rng(6)).centre_um != ELECTRODE.centre_um)


def test_a_particle_larger_than_the_outline_is_refused():
    recipe = ElectrodeRecipe(outline=Outline((40.0, 6.0, 6.0)), particles=2, solid_fraction=0.6)
    with pytest.raises(ValueError, match="does not fit"):
        pack_electrode(recipe, np.random.default_rng(1))


def test_wear_rises_with_cycles_and_rate():
    assert severity(0.0, 2.0) == 0.0
    assert severity(10.0, 1.0) < severity(20.0, 1.0) < severity(20.0, 3.0) < 1.0


def test_cracks_only_grow_and_particles_only_come_loose():
    before = wear(ELECTRODE, 0.0)
    assert not before.crack_fraction.any()
    assert before.attached.all()
    for worn in np.linspace(0.05, 1.0, 20):
        after = wear(ELECTRODE, worn)
        assert np.all(after.open_cracks.length_um >= before.open_cracks.length_um)
        assert np.all(after.open_cracks.width_um >= before.open_cracks.width_um)
        assert np.all(after.crack_fraction >= before.crack_fraction)
        assert not np.any(after.attached & ~before.attached)
        assert np.count_nonzero(after.open_cracks.width_um) >= np.count_nonzero(before.open_cracks.width_um)
        before = after
    assert before.crack_fraction.min() > 0.03
    assert not before.attached.all()


@pytest.mark.parametrize("worn", [0.4, 1.0])
def test_voxels_hold_the_cracks_of_the_truth(worn):
    damage = wear(ELECTRODE, worn)
    volume = voxels(ELECTRODE, damage, VoxelGrid((152, 152, 152), 0.08))
    counts = np.bincount(volume.label[volume.phase == Phase.CRACK], minlength=ELECTRODE.count + 1)[1:]
    whole = np.bincount(volume.label.ravel(), minlength=ELECTRODE.count + 1)[1:]
    np.testing.assert_allclose(counts / whole, damage.crack_fraction, atol=4e-3)
    assert counts.sum() / whole.sum() == pytest.approx(
        damage.crack_fraction @ ELECTRODE.volume_um3 / ELECTRODE.volume_um3.sum(), rel=0.03
    )


def test_cracks_of_a_particle_never_meet():
    damage = wear(ELECTRODE, 1.0)
    plates = crack_plates(ELECTRODE.cracks, ELECTRODE.radius_um, damage.open_cracks)
    rng = np.random.default_rng(2)
    own = plates.owner == 0
    places = rng.uniform(-1.0, 1.0, (40000, 3)) * ELECTRODE.radius_um[0]
    inside = np.all(np.einsum("mkc,pc->pmk", plates.planes[own], places) <= plates.limits[own], axis=2)
    inside &= np.linalg.norm(places, axis=1)[:, None] < plates.tip_um[own]
    assert inside.any(axis=0).all()
    assert inside.sum(axis=1).max() == 1


def test_labels_count_the_particles_and_their_volumes():
    volume = voxels(ELECTRODE, wear(ELECTRODE, 0.5), GRID)
    counted = np.bincount(volume.label.ravel(), minlength=ELECTRODE.count + 1)[1:] * GRID.voxel_um**3
    np.testing.assert_allclose(counted, ELECTRODE.volume_um3, rtol=0.02)


def test_voids_are_in_the_cores():
    volume = voxels(ELECTRODE, wear(ELECTRODE, 0.5), GRID)
    found = np.count_nonzero(volume.phase == Phase.VOID) * GRID.voxel_um**3
    assert found == pytest.approx(4.0 / 3.0 * np.pi * np.sum(ELECTRODE.void_um**3), rel=0.3)


def test_cracks_begin_outside_of_a_large_hollow_core():
    hollow = pack_electrode(replace(SMALL, largest_void=0.5), np.random.default_rng(5))
    damage = wear(hollow, 1.0)
    volume = voxels(hollow, damage, GRID)
    whole = np.bincount(volume.label.ravel(), minlength=hollow.count + 1)[1:]
    seen = np.bincount(volume.label[volume.phase > Phase.OXIDE], minlength=hollow.count + 1)[1:] / whole
    np.testing.assert_allclose(seen, damage.porosity, atol=0.01)


def test_a_label_of_an_image_is_where_its_particle_is():
    recipe = ImageRecipe(0.25, blur_px=0.0, noise=0.0)
    image = electrode_image(ELECTRODE, wear(ELECTRODE, 0.0), recipe, np.random.default_rng(1))
    middle = center_of_mass(np.ones(image.label.shape), image.label, np.arange(1, ELECTRODE.count + 1))
    expected = ELECTRODE.centre_um / recipe.voxel_um + 0.5 * (np.array(image.label.shape) - 1)
    assert np.abs(np.mean(middle - expected, axis=0)).max() < 0.1


def test_a_particle_that_came_loose_is_not_touched_by_binder():
    damage = wear(ELECTRODE, 1.0)
    loose = int(np.argmin(damage.attached))
    z, y, x = (GRID.axis_um(axis) - ELECTRODE.centre_um[loose, axis] for axis in range(3))
    gap = np.sqrt(z[:, None, None] ** 2 + y[:, None] ** 2 + x**2) - ELECTRODE.radius_um[loose]
    around = (gap > 0.0) & (gap < SMALL.detached_gap_um)
    assert binder_where(ELECTRODE, wear(ELECTRODE, 0.0), GRID)[around].any()
    assert not binder_where(ELECTRODE, damage, GRID)[around].any()


def test_points_of_the_binder_weigh_what_its_voxels_do():
    damage = wear(ELECTRODE, 0.0)
    volume = voxels(ELECTRODE, damage, GRID)
    binder = find_binder(ELECTRODE, damage)
    share = np.count_nonzero(volume.phase == Phase.BINDER) * GRID.voxel_um**3
    assert binder.volume_um3.sum() == pytest.approx(share, rel=0.03)


def test_radial_grains_reach_from_core_to_surface_and_random_ones_do_not():
    volume = voxels(ELECTRODE, wear(ELECTRODE, 0.0), GRID)
    grains = volume.grains(ELECTRODE, count=40)
    assert np.array_equal(grains > 0, volume.label > 0)
    np.testing.assert_array_equal((grains[grains > 0] - 1) // 40 + 1, volume.label[grains > 0])
    depths = {True: [], False: []}
    for particle in range(ELECTRODE.count):
        shells = volume.shell[volume.label == particle + 1]
        owners = grains[volume.label == particle + 1]
        spans = [np.ptp(shells[owners == grain]) for grain in np.unique(owners)]
        depths[bool(ELECTRODE.is_radial[particle])].append(np.mean(spans))
    assert min(depths[True]) > max(depths[False])
