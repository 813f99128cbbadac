"""A negative number of repetitions is refused by every plan in the same words, before anything moves."""

import pytest
from operando.callbacks.analysis.mapping.region import Region
from operando.plans.fly_xanes import fly_xanes
from operando.plans.grids import grid_from_bounds
from operando.plans.image_options import ImageOptions
from operando.plans.ptycho_scan import ptycho_scan
from operando.plans.raster import Raster
from operando.plans.raster_map import raster_map
from operando.plans.rocking_map import rocking_map
from operando.plans.spectro_tomography import spectro_tomography
from operando.plans.tomogram_taking import Tolerance
from operando.plans.turn import Turn
from operando.plans.xrd_series import xrd_series

REGION = Region((0.0, 1.0), (0.0, 1.0))
MAP = {"raster": Raster(REGION, step_um=0.5, dwell_s=0.01)}
PLANS = {
    "xrd_series": (xrd_series, {"exposure_s": 0.1, "frames": 3}),
    "fly_xanes": (
        fly_xanes,
        {
            "grid": grid_from_bounds([-10, 10], [1.0], [0.1], e0="Ni_K"),
            "element": "Ni",
            "duration_s": 10.0,
        },
    ),
    "raster_map": (raster_map, MAP),
    "rocking_map": (rocking_map, {**MAP, "angles_deg": (-0.1, 0.0, 0.1)}),
    "ptycho_scan": (ptycho_scan, {"region": REGION, "beam_um": 1.0, "exposure_s": 0.01}),
    "spectro_tomography": (
        spectro_tomography,
        {
            "turn": Turn(angles_deg=(0.0, 90.0), exposure_s=0.1),
            "energies_ev": (8300.0, 8400.0),
            "element": "Ni",
        },
    ),
}


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize("redo", [-1, 0.5])
def test_a_plan_refuses_it_before_its_first_message(name, redo):
    plan, options = PLANS[name]
    nowhere = object()  # a message would need a device, and this station has none
    with pytest.raises(ValueError, match=rf"^{name}: redo is {redo}; give how often .* 0 for never$"):
        next(iter(plan(nowhere, **options, redo=redo)))


def test_a_series_refuses_it_for_its_frames_as_well():
    plan = xrd_series(object(), exposure_s=0.1, frames=3, retakes=-1)
    with pytest.raises(ValueError, match=r"^xrd_series: retakes is -1; give how often"):
        next(iter(plan))


@pytest.mark.parametrize(("name", "options"), [("tomography", Tolerance), ("xanes_imaging", ImageOptions)])
def test_options_refuse_it(name, options):
    with pytest.raises(ValueError, match=rf"^{name}: redo is -1; give how often .* 0 for never$"):
        options(redo=-1)
