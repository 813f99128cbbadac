"""A map of another instrument is put where it lies: turned, of another size, mirrored, in part, or not."""

import numpy as np
import pytest
from operando.callbacks.analysis.imaging import SampleFrame, register
from operando.callbacks.analysis.imaging.placing import lines_differ

SLICE = SampleFrame((-6.95, 0.0, -12.95), (0.1, 0.1, 0.1))
SLICE_SHAPE = (140, 260)
PIXEL_UM = {"same": 0.1, "fluorescence": 0.2}
WIDE = {"turn_deg": 15.0, "scale_part": 0.05}


def scene(rng: np.random.Generator) -> np.ndarray:
    """Particles (n, 4): z, x, radius in um, and weight."""
    low, high = (-6.0, -12.0, 0.4, 0.5), (6.0, 12.0, 1.6, 1.0)
    return rng.uniform(low, high, (14, 4))


def shown(parts: np.ndarray, frame: SampleFrame, shape, *, domes: bool = False) -> np.ndarray:
    """What a frame shows of particles, exact wherever its pixels lie; discs with soft rims, or balls."""
    rows, columns = np.indices(shape, dtype=float)
    place = frame.position_um(np.stack([rows, 0.0 * rows, columns], axis=-1))
    image = np.zeros(shape)
    for z, x, radius, weight in parts:
        distance = np.hypot(place[..., 0] - z, place[..., 2] - x)
        thick = np.sqrt(np.maximum(1 - (distance / radius) ** 2, 0.02)) if domes else 1.0
        image += weight * thick / (1 + np.exp((distance - radius) / 0.08))
    return image


def middle_um(frame: SampleFrame, shape) -> np.ndarray:
    return frame.position_um([(shape[0] - 1) / 2, 0.0, (shape[1] - 1) / 2])[[0, 2]]


def told_and_true(rng: np.random.Generator, kind: str) -> tuple[SampleFrame, SampleFrame, tuple[int, int]]:
    """Frame that a map is believed to have, the one that it has, and its shape."""
    pixel = PIXEL_UM[kind]
    shape = (int(10 / pixel), int(20 / pixel))
    believed = SampleFrame((-pixel * (shape[0] - 1) / 2, 0.0, -pixel * (shape[1] - 1) / 2), (pixel,) * 3)
    along = tuple(rng.uniform(-2.0, 2.0, 2).tolist())
    moved = believed.placed(along, rng.uniform(-15, 15), rng.uniform(0.95, 1.05), middle_um(believed, shape))
    return believed, moved, shape


def pair(seed: int, kind: str, *, same_scene: bool = True):
    """Slice, map, believed and true frame. Of one contrast with a pattern that stays on both detectors."""
    rng = np.random.default_rng(seed)
    parts = scene(rng)
    believed, true, shape = told_and_true(rng, kind)
    seen = parts if same_scene else scene(rng)
    first = shown(parts, SLICE, SLICE_SHAPE)
    second = shown(seen, true, shape, domes=kind == "fluorescence")
    if kind == "fluorescence":
        return first + 0.05 * rng.normal(size=first.shape), rng.poisson(40 * second + 1), believed, true
    pattern = 0.1 * rng.normal(size=SLICE_SHAPE)
    first += pattern + 0.03 * rng.normal(size=first.shape)
    second += pattern[: shape[0], : shape[1]] + 0.03 * rng.normal(size=shape)
    return first, second, believed, true


def off_px(found: SampleFrame, true: SampleFrame, shape) -> float:
    """Distance between places of a map by two frames, rms over it, pixels of the slice."""
    rows, columns = np.meshgrid(np.linspace(0, shape[0] - 1, 9), np.linspace(0, shape[1] - 1, 9))
    index = np.stack([rows, 0.0 * rows, columns], axis=-1)
    apart = found.position_um(index) - true.position_um(index)
    return float(np.sqrt((apart**2).sum(axis=-1).mean())) / SLICE.smallest_um


@pytest.mark.parametrize(("kind", "limit_px"), [("same", 0.15), ("fluorescence", 1.0)])
def test_a_turned_map_with_wrong_pixels_is_found_and_knows_how_well(kind, limit_px):
    first, second, believed, true = pair(200, kind)
    frame, found = register(first, SLICE, second, believed, **WIDE)
    assert found.verdict == "good", found.reason
    assert off_px(frame, true, second.shape) < limit_px
    assert found.roll_deg == pytest.approx(true.roll_deg, abs=0.3)
    assert believed.pixel_um[0] * found.scale == pytest.approx(true.pixel_um[0], rel=0.015)
    assert 0.0 < found.sigma_px < 0.3


@pytest.mark.parametrize("seed", [201, 202])
def test_another_scene_is_refused_with_words(seed):
    first, second, believed, _ = pair(seed, "same", same_scene=False)
    frame, found = register(first, SLICE, second, believed, **WIDE)
    assert found.verdict in ("unlike", "ambiguous")
    assert "nothing matches" in found.reason or "maps of like edges" in found.reason
    assert frame == believed


def test_a_mirrored_map_is_found_once_that_is_told():
    first, second, believed, true = pair(203, "fluorescence")
    flipped, shape = second[:, ::-1], second.shape
    assert register(first, SLICE, flipped, believed, **WIDE)[1].verdict != "good"
    frame, found = register(first, SLICE, flipped, believed.mirrored("x", shape), **WIDE)
    assert found.verdict == "good", found.reason
    assert frame.pixel_um[2] < 0
    assert off_px(frame, true.mirrored("x", shape), shape) < 1.0


def test_a_map_that_covers_a_part_of_the_slice_has_no_edge_where_it_ends():
    # A field that ends within the slice was once filled by its median, and its rim was taken for structure.
    first, second, believed, true = pair(204, "same")
    part = second[20:80, 30:110] + 3.0
    begin = believed.position_um([20.0, 0.0, 30.0]), true.position_um([20.0, 0.0, 30.0])
    told, there = (
        SampleFrame(tuple(origin), frame.pixel_um, roll_deg=frame.roll_deg)
        for origin, frame in zip(begin, (believed, true), strict=True)
    )
    frame, found = register(first, SLICE, part, told, **WIDE)
    assert found.verdict == "good", found.reason
    assert off_px(frame, there, part.shape) < 0.5


def test_a_round_particle_alone_has_no_turn_that_could_be_used():
    parts = np.array([[0.0, 0.0, 1.5, 1.0]])
    first = shown(parts, SLICE, SLICE_SHAPE)
    frame, found = register(first, SLICE, first, SLICE, turn_deg=15.0)
    assert (found.verdict, frame) == ("ambiguous", SLICE)
    assert "keep turn and size" in found.reason
    assert register(first, SLICE, first, SLICE.moved(3.0, 2.0))[1].verdict == "good"


@pytest.mark.parametrize(
    ("first", "frame", "options", "words"),
    [
        (np.zeros((16, 16)), SLICE, {"turn_deg": -1.0}, "0 to 180 degree"),
        (np.zeros((8, 40)), SLICE, {}, "the first map has"),
        (np.zeros((16, 16)), SampleFrame((0, 0, 0), (1, 1, 1), 30.0), {}, "turned about z by 30 degree"),
    ],
)
def test_what_cannot_be_registered_is_named(first, frame, options, words):
    with pytest.raises(ValueError, match=words):
        register(first, frame, np.zeros((16, 16)), SLICE, **options)


@pytest.mark.parametrize("empty", [np.zeros((32, 32)), np.full((32, 32), np.nan)])
def test_an_empty_map_is_refused_and_stays_where_it_was(empty):
    frame, found = register(pair(200, "same")[0], SLICE, empty, SLICE, **WIDE)
    assert (found.verdict, frame) == ("unlike", SLICE)


def test_lines_are_levelled_only_where_they_differ():
    # Levelling took wide particles of a turned map along: 0.16 pixel off where 0.05 are reached.
    first, second, believed, true = pair(9106, "same")
    stripes = 0.1 * np.random.default_rng(1).normal(size=(SLICE_SHAPE[0], 1))
    assert (lines_differ(first), lines_differ(first + stripes)) == (False, True)
    frame, found = register(first, SLICE, second, believed, **WIDE)
    assert found.verdict == "good"
    assert off_px(frame, true, second.shape) < 0.1
