"""Pictures of maps at the border: a single row, a single column, a single pixel."""

import numpy as np
import pytest
import xarray as xr
from matplotlib.collections import QuadMesh
from operando.callbacks.plots.maps import map_figure
from operando.callbacks.plots.rocking import rocking_figure


def places(rows, columns):
    return {"y_um": 0.1 * np.arange(rows), "x_um": 2.0 + 0.1 * np.arange(columns)}


def element_map(rows, columns):
    rate = 1.0 + np.arange(rows * columns, dtype=float).reshape(1, 1, rows, columns)
    of_row = ("map", "y_um"), np.full((1, rows), 0.5)
    return xr.Dataset(
        {"rate": (("map", "element", "y_um", "x_um"), rate)},
        coords={"element": ["Ni"], "lithium_content": of_row, "voltage": of_row, **places(rows, columns)},
    )


@pytest.mark.parametrize(
    ("rows", "columns", "label", "first_um"),
    [(1, 5, "x (µm)", 2.0), (5, 1, "y (µm)", 0.0), (1, 1, "x (µm)", 2.0)],
)
def test_a_map_of_a_single_row_or_column_is_drawn_as_counts_along_it(rows, columns, label, first_um):
    (axes,) = map_figure(element_map(rows, columns)).axes
    (line,) = axes.lines
    assert (axes.get_xlabel(), axes.get_ylabel()) == (label, "counts/s")
    assert line.get_ydata().tolist() == [1.0 + n for n in range(rows * columns)]
    assert line.get_xdata()[0] == first_um


def meshes(figure):
    return [mesh for axes in figure.axes for mesh in axes.collections if isinstance(mesh, QuadMesh)]


def test_pixels_of_a_map_of_two_rows_have_an_area():
    figure = map_figure(element_map(2, 3))
    assert all((np.ptp(mesh.get_coordinates().reshape(-1, 2), axis=0) > 0.1).all() for mesh in meshes(figure))


@pytest.mark.parametrize(("rows", "columns"), [(1, 5), (5, 1), (1, 1)])
def test_pixels_of_a_rocking_map_of_a_single_row_or_column_have_an_area(rows, columns):
    values = ("y_um", "x_um"), np.linspace(-1.0, 1.0, rows * columns).reshape(rows, columns)
    names = ("strain", "tilt_rocking", "tilt_across", "fluorescence")
    angles = ("angle", np.zeros(3))
    found = xr.Dataset(
        {
            **dict.fromkeys(names, values),
            "verdict": (("y_um", "x_um"), np.full((rows, columns), "good")),
            "drift_x_um": angles,
            "drift_y_um": angles,
        },
        coords={"angle": [-0.1, 0.0, 0.1], **places(rows, columns)},
    )
    drawn = [mesh for mesh in meshes(rocking_figure(found)) if mesh.get_array().size != 256]
    assert len(drawn) == 5
    sizes_um = 0.1 * np.array([columns, rows])
    for mesh in drawn:
        np.testing.assert_allclose(np.ptp(mesh.get_coordinates().reshape(-1, 2), axis=0), sizes_um, rtol=1e-6)
