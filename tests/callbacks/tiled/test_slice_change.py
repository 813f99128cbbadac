"""Two states are compared at one scale, or refused."""

import numpy as np
import pytest
import xarray as xr
from operando.callbacks.plots.slice_change import slice_change_figure
from scipy.ndimage import gaussian_filter


def slices(pixels_um):
    """The same picture twice, the later one moved by a pixel each way."""
    rough = gaussian_filter(np.random.default_rng(0).normal(size=(64, 64)), 2.0)
    first = 1.0 + rough / np.abs(rough).max()
    along = "tomogram"
    return xr.Dataset(
        {"xy": ((along, "y", "x"), np.stack([first, np.roll(first, (2, -3), (0, 1))]))},
        coords={
            "pixel_um": (along, list(pixels_um)),
            "lithium_content": (along, [0.9, 0.4]),
            "voltage": (along, [3.6, 4.2]),
        },
    )


@pytest.mark.parametrize(
    ("pixel_um", "told"),
    [(0.5, "-1.50 µm in x, 1.00 µm in y"), (np.nan, "-3.00 pixel in x, 2.00 pixel in y")],
)
def test_the_later_state_is_moved_back_in_um_or_in_pixels_where_their_size_is_not_known(pixel_um, told):
    figure = slice_change_figure(slices((pixel_um, pixel_um)))
    assert told in figure.get_suptitle()
    assert ("µm" in figure.axes[0].get_xlabel()) == bool(np.isfinite(pixel_um))


def test_states_of_other_pixels_are_not_compared():
    with pytest.raises(ValueError, match="one magnification and binning"):
        slice_change_figure(slices((0.5, 0.25)))


def test_two_places_of_a_specimen_are_not_taken_for_two_states():
    two = slices((0.5, 0.5)).assign_coords(position=("tomogram", ["grain", "pore"]))
    with pytest.raises(ValueError, match="'grain' before and 'pore' after; give two of one position"):
        slice_change_figure(two)


def test_another_energy_is_not_taken_for_a_change():
    two = slices((0.5, 0.5)).assign_coords(energy_ev=("tomogram", [8280.0, 8400.0]))
    with pytest.raises(ValueError, match=r"8280.0 eV before and 8400.0 eV after; give two of one energy"):
        slice_change_figure(two)


def test_slices_that_grow_are_told_from_final_ones():
    two = slices((0.5, 0.5)).assign_coords(
        stage=("tomogram", ["final", "growing"]), projections=("tomogram", [181, 15])
    )
    before, after = (axes.get_title() for axes in slice_change_figure(two).axes[:2])
    assert "projections" not in before
    assert after.endswith("(growing, 15 projections)")


def test_a_tomogram_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(ValueError, match="tomogram 4 of 2 is not there; give -2 to 1"):
        slice_change_figure(slices((0.5, 0.5)), 0, 4)
