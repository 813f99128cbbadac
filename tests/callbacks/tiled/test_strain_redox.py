"""Strain against redox: of a particle in which the one goes with the other, on maps that lie apart."""

import numpy as np
import pytest
import xarray as xr
from operando.callbacks.plots.maps import map_figure
from operando.callbacks.plots.strain_redox import strain_redox_figure
from operando.callbacks.tiled.strain_redox import RedoxMaps, redox_maps, strain_redox

STEP_UM, PIXELS = 0.05, 32
SPACE = ("map", "element", "y_um", "x_um")


def truth(x_um, y_um):
    """Thickness, and lithium that is missing, of a round particle with patches."""
    radius = np.hypot(x_um, y_um)
    thick = np.clip(0.7 - radius, 0.0, None) * (1.2 + 0.3 * np.sin(9.0 * x_um) * np.cos(7.0 * y_um))
    return thick, 0.3 + 0.1 * np.sin(6.0 * x_um + 1.0) * np.cos(5.0 * y_um)


def grid(offset_um=0.0):
    return np.round((np.arange(PIXELS) - PIXELS / 2) * STEP_UM + offset_um, 6)


def element_map(factor, rng, moved_um):
    """Counts of nickel per charge and per photon, on a specimen that has moved along x."""
    y, x = np.meshgrid(grid(), grid(), indexing="ij")
    thick, missing = truth(x - moved_um, y)
    counts = rng.poisson(4e4 * thick * factor(missing)).astype(float)
    normalised = {"": counts, "_sigma": np.sqrt(counts + 1.0)}
    data = {f"{key}{suffix}": one for key in ("per_i0", "per_photon") for suffix, one in normalised.items()}
    data["rate"] = counts
    coords = {"y_um": grid(), "x_um": grid(), "element": ["Ni"]}
    state = {key: (("map", "y_um"), np.full((1, PIXELS), 0.5)) for key in ("lithium_content", "voltage")}
    variables = {key: (SPACE, one[None, None]) for key, one in data.items()}
    return xr.Dataset(variables, coords={**coords, **state})


@pytest.fixture(scope="module")
def found():
    rng = np.random.default_rng(5)
    y, x = np.meshgrid(grid(), grid(), indexing="ij")
    thick, missing = truth(x, y)
    strain = -2e-3 * (missing - 0.3) + rng.normal(0.0, 2e-5, x.shape)
    verdict = np.where(thick > 0.1, "good", "weak")
    data = {
        "strain": strain,
        "strain_sigma": np.full(x.shape, 2e-5),
        "fluorescence": rng.poisson(2e4 * thick).astype(float),
        "verdict": verdict,
    }
    variables = {key: (("y_um", "x_um"), one) for key, one in data.items()}
    rocking = xr.Dataset(variables, coords={"y_um": grid(), "x_um": grid()})
    edge = element_map(lambda missing: 1.0 - missing, rng, 0.1)
    return strain_redox(rocking, edge, element_map(lambda _: 1.0, rng, 0.1), "Ni")


def test_strain_and_redox_of_a_position_are_found_though_the_maps_lie_apart(found):
    assert found.attrs["shift_um"] == pytest.approx([0.0, 0.1], abs=0.01)
    good = np.isfinite(found["strain"].to_numpy())
    assert good.sum() > 100
    y, x = np.meshgrid(grid(), grid(), indexing="ij")
    expected = 1.0 - truth(x, y)[1]
    off = (found["redox"].to_numpy() - expected)[good]
    assert np.sqrt(np.mean(off**2)) < 0.03


def test_where_strain_goes_with_redox_it_says_so_with_an_uncertainty(found):
    assert found.attrs["correlation"] == "correlated"
    assert found.attrs["pearson"] > 0.8
    assert 0.0 < found.attrs["pearson_sigma"] < 0.2


@pytest.mark.parametrize(
    ("verdict", "element", "told"),
    [("weak", "Ni", "0 of 1024 of the rocking map are good"), ("good", "Co", "edge has no 'Co'; it has Ni")],
)
def test_what_is_lacking_for_strain_against_redox_is_told(found, verdict, element, told):
    rng = np.random.default_rng(6)
    lacking = found.assign(
        verdict=(("y_um", "x_um"), np.full((PIXELS, PIXELS), verdict)), fluorescence=found["redox"]
    )
    maps = element_map(lambda _: 1.0, rng, 0.0)
    with pytest.raises(ValueError, match=told):
        strain_redox(lacking, maps, maps, element)


def bars_and_maps(figure):
    """Heights of bars of colours and of the maps beside them, pixels."""
    figure.canvas.draw()
    maps = [each for each in figure.axes if each.get_aspect() == 1.0]
    pairs = [
        (each.child_axes[-1].get_window_extent().height, each.get_window_extent().height) for each in maps
    ]
    return np.array(pairs)


def test_bars_of_colours_are_as_high_as_their_maps(found):
    pairs = bars_and_maps(strain_redox_figure(found, "e"))
    assert len(pairs) == 2
    assert pairs[:, 0] == pytest.approx(pairs[:, 1], rel=0.02)
    flat = element_map(lambda _: 1.0, np.random.default_rng(1), 0.0).isel(y_um=slice(0, 8))
    pairs = bars_and_maps(map_figure(flat, "e"))
    assert pairs[:, 0] == pytest.approx(pairs[:, 1], rel=0.02)


def begun(name, energy_ev, half_um=0.7, **more):
    """Start document of a map about the origin."""
    axis = np.arange(-half_um, half_um + 0.01, 0.1).tolist()
    region = {"x_um": axis, "y_um": axis, "step_um": 0.1}
    told = {"technique": "map", "measurement": name, "energy_ev": energy_ev, "elements": ["Mn", "Ni"]}
    return {**told, "map": region, **more}


ROCKING = begun("tilts", 8500.0, rocking={"uid": "r"})


def test_maps_on_the_rise_and_above_the_edge_of_an_element_are_found_for_a_rocking_map():
    runs = [begun("edge", 8345.0), begun("early", 8500.0), begun("above", 8500.0), ROCKING]
    assert redox_maps(runs) == [RedoxMaps("tilts", "edge", "above", "Ni")]


@pytest.mark.parametrize(
    "edge",
    [
        begun("below", 8300.0),
        begun("small", 8345.0, half_um=0.5),
        begun("other", 8345.0, elements=["Mn"]),
        {key: value for key, value in begun("unsaid", 0.0).items() if key != "energy_ev"},
    ],
)
def test_maps_that_do_not_tell_of_the_redox_of_the_region_are_left(edge):
    assert redox_maps([edge, begun("above", 8500.0), ROCKING]) == []
