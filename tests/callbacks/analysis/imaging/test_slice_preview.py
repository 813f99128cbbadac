"""Slices that grow with every projection, against the whole reconstruction and the truth."""

import ball_phantom as balls
import numpy as np
import pytest
from operando.callbacks.analysis.imaging import (
    SlicePreview,
    golden_angles,
    interlaced_angles,
    reconstruct,
    sequential_angles,
)

pytest.importorskip("numba", reason="extra imaging")

WIDTH, ROWS, CENTRE = 128, 20, 64.6
AT = (9, 60, 70)
COUNT = 192


@pytest.fixture(scope="module")
def truth():
    return balls.volume(ROWS, WIDTH)


def projections(angle_deg):
    return balls.projections(angle_deg, ROWS, WIDTH, CENTRE, finer=2)


def preview_of(angle_deg, part=1.0, **options):
    preview = SlicePreview((ROWS, WIDTH), centre=CENTRE, at_px=AT, **options)
    first = angle_deg[: round(part * len(angle_deg))]
    for image, angle in zip(projections(first), first, strict=True):
        preview.add(image, angle)
    return preview.slices()


def error(slices, truth):
    return balls.nrmse(slices.xy, truth[AT[0]])


@pytest.mark.parametrize(
    ("angles", "planned"),
    [
        (sequential_angles(COUNT), False),
        (interlaced_angles(COUNT, turns=8), False),
        (interlaced_angles(COUNT, turns=8, span_deg=360), False),
        (golden_angles(COUNT), True),
    ],
    ids=["sequential", "interlaced", "interlaced full turn", "golden"],
)
def test_at_the_end_the_slices_are_those_of_the_volume(angles, planned):
    found = preview_of(angles, planned_deg=angles if planned else None)
    volume = reconstruct(np.exp(-projections(angles)), angles, centre=CENTRE).attenuation_per_um
    z, y, x = AT
    for slice_, whole in ((found.xy, volume[z]), (found.xz, volume[:, y]), (found.yz, volume[:, :, x])):
        assert np.abs(slice_ - whole).max() < 1e-3 * volume.max()
    assert found.covered == pytest.approx(1.0)
    assert found.projections == COUNT


def test_a_quarter_in_golden_order_has_a_third_of_the_error_of_sequential_order(truth):
    golden = error(preview_of(golden_angles(361), 0.25), truth)
    sequential = error(preview_of(sequential_angles(361), 0.25), truth)
    assert golden <= sequential / 3


def test_a_third_in_interlaced_order_beats_sequential_order_threefold(truth):
    interlaced = error(preview_of(interlaced_angles(COUNT, turns=8), 1 / 3), truth)
    sequential = error(preview_of(sequential_angles(COUNT), 1 / 3), truth)
    assert interlaced <= sequential / 3


def test_a_missing_wedge_is_told():
    assert preview_of(sequential_angles(COUNT), 0.25).covered == pytest.approx(0.25, abs=0.03)
    assert preview_of(golden_angles(COUNT), 0.25).covered > 0.95


def test_uneven_density_is_weighed(truth):
    rng = np.random.default_rng(4)
    crowded = np.concatenate([rng.uniform(0, 60, 150), rng.uniform(60, 180, 60)])
    weighed = preview_of(crowded)
    alike = preview_of(crowded, sectors=1)
    assert error(weighed, truth) < 0.7 * error(alike, truth)


def test_nothing_is_seen_before_the_first_projection():
    empty = SlicePreview((ROWS, WIDTH), centre=CENTRE).slices()
    assert not empty.xy.any()
    assert (empty.projections, empty.covered) == (0, 0.0)


def test_a_look_is_not_changed_by_later_projections():
    preview = SlicePreview((ROWS, WIDTH), centre=CENTRE)
    preview.add(np.ones((ROWS, WIDTH)), 10.0)
    look = preview.slices()
    before = look.xy.copy()
    preview.add(np.ones((ROWS, WIDTH)), 50.0)
    assert np.array_equal(look.xy, before)


def test_a_projection_of_another_shape_is_refused():
    preview = SlicePreview((ROWS, WIDTH), centre=CENTRE)
    with pytest.raises(ValueError, match=rf"shape \({ROWS}, {WIDTH}\)"):
        preview.add(np.ones((ROWS, WIDTH + 1)), 0.0)


def test_a_point_outside_the_volume_is_refused():
    with pytest.raises(ValueError, match="outside 20 x 128 x 128"):
        SlicePreview((ROWS, WIDTH), centre=CENTRE, at_px=(20, 0, 0))


def test_a_pixel_that_is_not_finite_does_not_reach_the_slices():
    preview = SlicePreview((4, 16), centre=7.5)
    preview.add(np.ones((4, 16)), 0.0)
    with pytest.raises(ValueError, match=r"64 pixels at 30\.0 degrees are not finite"):
        preview.add(np.full((4, 16), np.nan), 30.0)
    assert np.isfinite(preview.slices().xy).all()
