"""Rows of a map that documents tell of become counts of elements; bad and repeated ones count once."""

import uuid

import h5py
import numpy as np
import pytest
from event_model import compose_run
from operando.callbacks.analysis.ion_chamber import Chamber, photon_flux
from operando.callbacks.analysis.mapping import DetectorResponse
from operando.callbacks.analysis.mapping.fluorescence_detector import components
from operando.callbacks.live.maps import Maps, recall
from operando.callbacks.tiled.follower import Ending, serve
from operando.callbacks.tiled.journal import Journal
from operando.callbacks.tiled.open_experiment import experiment_from_journal
from soft_nanoprobe import write_spectra

ROWS, COLUMNS, CHANNELS, DETECTORS = 3, 4, 1100, 2
ELEMENTS, ENERGY_EV, PIXEL_S = ("Co", "Ni"), 9000.0, 0.5
HZ_PER_A, DARK_A = 1e14, 2e-10
PLACES_UM = np.array([0.01, 0.09, 0.2, 0.305])
"""Where the interferometer had the frames of each row, beside the tenths that were asked for."""
RESPONSE = {"offset_ev": 5.0, "gain_ev": 10.0, "noise_ev": 80.0}
RATE = np.stack([np.full((ROWS, COLUMNS), 400.0), 1000.0 * (1 + np.arange(12).reshape(ROWS, COLUMNS))])
"""Counts of cobalt and nickel in each pixel, of both detector elements together."""


def spectra_of(row, *, backwards):
    """Poisson spectra (columns, detector elements, channels) in the order in which they were measured."""
    channels = np.arange(float(CHANNELS))
    parts = components(DetectorResponse(**RESPONSE), ELEMENTS, ENERGY_EV, channels)[:, :2]
    mean = np.einsum("ec,ne->cn", RATE[:, row], parts) / DETECTORS
    rng = np.random.default_rng(row)
    drawn = rng.poisson(np.repeat(mean[:, None], DETECTORS, axis=1))
    return drawn[::-1] if backwards else drawn


def settings(values):
    """Give values as a descriptor holds the configuration of a device."""
    keys = {key: {"source": "x", "dtype": "string", "shape": []} for key in values}
    return {"data": values, "timestamps": dict.fromkeys(values, 0.0), "data_keys": keys}


class Told:
    """A map told row by row, to the journal and to the router alike."""

    def __init__(self, folder):
        self.folder = folder
        self.journal = Journal(folder / "journal", minimum_free_bytes=0)
        self.maps = Maps(self.journal, (folder,))
        self.experiment = {"uid": str(uuid.uuid4()), "name": "e"}
        cycling = compose_run(metadata={"purpose": "cycling", "experiment": self.experiment})
        self.tell("start", cycling.start_doc)
        self.files = self.frames = 0
        self.spectra = spectra_of
        self.chamber = {"i0_gas": ""}

    def tell(self, name, doc):
        self.journal(name, dict(doc))
        self.maps(name, dict(doc))

    def begin(self, **further):
        self.run = compose_run(
            metadata={
                "purpose": "measurement",
                "technique": "map",
                "measurement": "particle",
                "experiment": self.experiment,
                "cell": {"chemistry": "NMC811"},
                "shape": [ROWS, COLUMNS],
                "snaking": [False, True],
                "motors": ["nanostage_y", "nanostage_x"],
                "map": {
                    "x_um": [0.0, 0.1, 0.2, 0.3],
                    "y_um": [1.0, 1.1, 1.2],
                    "dwell_s": PIXEL_S,
                    "mode": "step",
                },
                "elements": list(ELEMENTS),
                "fluorescence": RESPONSE,
                "energy_ev": ENERGY_EV,
                **further,
            }
        )
        self.frames = 0
        self.tell("start", self.run.start_doc)
        external = {"source": "x", "dtype": "array", "shape": [DETECTORS, CHANNELS], "external": "STREAM:"}
        keys = {f"fluorescence_{kind}": external for kind in ("spectra", "scalers")}
        self.stream = self.run.compose_descriptor(name="fluorescence", data_keys=keys)
        self.tell("descriptor", self.stream.descriptor_doc)
        self.rows = self.steps = None

    def file(self, rows, attempt=1):
        """Write rows into a new file; those of which nothing is told later are as good as never measured."""
        self.files += 1
        path = self.folder / f"{self.files}.h5"
        drawn = [self.spectra(row, backwards=row % 2 == 1) for row in rows]
        write_spectra(path, np.concatenate(drawn), pixel_s=PIXEL_S)
        self.bundles = []
        for kind, dataset in (
            ("spectra", "/entry/data/data"),
            ("scalers", "/entry/instrument/detector/xspress3_scalers"),
        ):
            bundle = self.run.compose_stream_resource(
                mimetype="application/x-hdf5",
                uri=f"file://localhost{path}",
                data_key=f"fluorescence_{kind}",
                parameters={"dataset": dataset},
            )
            self.tell("stream_resource", bundle.stream_resource_doc)
            self.bundles.append(bundle)
        self.place = 0

    def gates(self, rows, i0_a, places_um=PLACES_UM):
        """Write what the trigger box has of rows: I0 (rows, columns), A, with its dark; places (columns,)."""
        path = self.folder / f"gates-{self.files}.h5"
        order = [columns[::-1] if row % 2 else columns for row, columns in zip(rows, i0_a, strict=True)]
        open_s = np.full(COLUMNS * len(rows), 0.98 * PIXEL_S)
        ways_um = np.concatenate([places_um[::-1] if row % 2 else places_um for row in rows])
        with h5py.File(path, "w") as file:
            file["open"], file["i0"] = open_s, np.concatenate(order) * HZ_PER_A * open_s
            file["x"], file["x_min"], file["x_max"] = ways_um, ways_um - 0.05, ways_um + 0.05
        external = {"source": "x", "dtype": "number", "shape": [], "external": "STREAM:"}
        sets = {
            "open_s": "open",
            "i0_counts": "i0",
            **{f"fine_{key}": key for key in ("x", "x_min", "x_max")},
        }
        keys = {f"trigger_box_{kind}": external for kind in sets}
        self.box = self.run.compose_descriptor(name="trigger_box", data_keys=keys)
        self.tell("descriptor", self.box.descriptor_doc)
        for key, dataset in sets.items():
            bundle = self.run.compose_stream_resource(
                mimetype="application/x-hdf5",
                uri=f"file://localhost{path}",
                data_key=f"trigger_box_{key}",
                parameters={"dataset": dataset},
            )
            self.tell("stream_resource", bundle.stream_resource_doc)
            datum = bundle.compose_stream_datum({"start": 0, "stop": len(open_s)})
            self.tell("stream_datum", {**datum, "descriptor": self.box.descriptor_doc["uid"]})

    def pixels(self, row, i0_a, attempt=1):
        """Tell of the pixels of a row that was measured step by step, with I0 (columns,), A."""
        columns = range(COLUMNS)[::-1] if row % 2 else range(COLUMNS)
        for column in columns:
            data = {"pixel_row": row, "pixel_column": column, "pixel_attempt": attempt, "i0": i0_a[column]}
            data["nanostage_x"] = PLACES_UM[column]
            if self.steps is None:
                keys = {key: {"source": "x", "dtype": "number", "shape": []} for key in data}
                self.steps = self.run.compose_descriptor(name="primary", data_keys=keys)
                self.tell("descriptor", self.steps.descriptor_doc)
            self.tell("event", self.steps.compose_event(data=data, timestamps=dict.fromkeys(data, 0.0)))

    def good(self, row, attempt=1):
        span = {"start": self.place, "stop": self.place + COLUMNS}
        for bundle in self.bundles:
            datum = bundle.compose_stream_datum(span)
            self.tell("stream_datum", {**datum, "descriptor": self.stream.descriptor_doc["uid"]})
        self.place += COLUMNS
        self._row(row, attempt, "good", self.frames)
        self.frames += COLUMNS

    def bad(self, row, attempt=1, status="redone"):
        self._row(row, attempt, status, -1)

    def _row(self, row, attempt, status, first_frame):
        data = {
            "map_row": row,
            "map_attempt": attempt,
            "map_status": status,
            "map_first_frame": first_frame,
            "map_frames": COLUMNS,
            "i0": 1e-8,
            "i0_raw": 1e-8 + DARK_A,
            "cell_time": 1e9 + row,
            "cell_voltage": 3.7 + 0.1 * row,
            "cell_lithium_content": 0.8 - 0.1 * row,
        }
        if self.rows is None:
            keys = {
                key: {
                    "source": "x",
                    "dtype": "string" if isinstance(value, str) else "number",
                    "shape": [],
                }
                for key, value in data.items()
            }
            self.rows = self.run.compose_descriptor(
                name="rows",
                data_keys=keys,
                configuration={"ion_chambers": settings(self.chamber)},
                object_keys={"ion_chambers": ["i0", "i0_raw"]},
            )
            self.tell("descriptor", self.rows.descriptor_doc)
        self.tell("event", self.rows.compose_event(data=data, timestamps=dict.fromkeys(data, 0.0)))

    def end(self):
        self.tell("stop", self.run.compose_stop())

    def fit(self):
        count = 0
        while self.maps.step():
            count += 1
        return count

    def result(self):
        return experiment_from_journal(self.folder / "journal", self.experiment["uid"])


@pytest.fixture
def told(tmp_path):
    made = Told(tmp_path)
    yield made
    made.maps.close()
    made.journal.close()


def test_a_map_has_the_counts_of_each_element_where_they_were(told):
    told.begin()
    told.file([0, 1, 2])
    for row in range(ROWS):
        told.good(row)
    told.end()
    assert told.fit() == ROWS
    maps = told.result().maps("particle")
    assert dict(maps.sizes) == {"map": 1, "element": 2, "y_um": 3, "x_um": 4}
    off = (maps["counts"].to_numpy()[0] - RATE) / maps["counts_sigma"].to_numpy()[0]
    assert np.abs(off).max() < 4.0
    assert np.sqrt((off**2).mean()) == pytest.approx(1.0, abs=0.35)
    assert maps["rate"].to_numpy() == pytest.approx(maps["counts"].to_numpy() / PIXEL_S)
    assert maps["lithium_content"].to_numpy()[0] == pytest.approx([0.8, 0.7, 0.6])
    assert maps["voltage"].sel(y_um=1.1).item() == pytest.approx(3.8)
    assert set(maps["verdict_code"].to_numpy().ravel()) == {0.0}


def test_rows_still_to_come_are_nan_while_the_map_goes_on(told):
    told.begin()
    told.file([0, 1])
    told.good(0)
    assert told.fit() == 1
    counts = told.result().maps("particle")["counts"]
    assert np.isfinite(counts.sel(y_um=1.0)).all()
    assert np.isnan(counts.sel(y_um=[1.1, 1.2])).all()
    assert told.result().plot_maps("particle").axes


def test_a_row_that_was_redone_counts_once_and_with_its_good_spectra(told):
    told.begin()
    told.file([0, 2])  # what is behind the first row is a bad second one
    told.good(0)
    told.bad(1)
    told.file([1, 2])
    told.good(1, attempt=2)
    told.good(2)
    told.end()
    assert told.fit() == ROWS
    maps = told.result().maps("particle")
    assert maps["attempt"].to_numpy()[0].tolist() == [1, 2, 1]
    assert np.abs((maps["counts"].to_numpy()[0] - RATE) / maps["counts_sigma"].to_numpy()[0]).max() < 4.0


def test_a_row_that_failed_stays_nan(told):
    told.begin()
    told.file([0, 2])
    told.good(0)
    told.bad(1, attempt=2, status="failed")
    told.file([2])
    told.good(2)
    told.end()
    told.fit()
    counts = told.result().maps("particle")["counts"]
    assert np.isnan(counts.sel(y_um=1.1)).all()
    assert np.isfinite(counts.sel(y_um=[1.0, 1.2])).all()


def test_maps_of_one_measurement_are_in_the_order_of_time_and_each_can_be_asked_for(told):
    for _ in range(2):
        told.begin()
        told.file([0])
        told.good(0)
        told.end()
        told.fit()
    maps = told.result().maps("particle")
    assert maps.sizes["map"] == 2
    run = str(maps["run"].to_numpy()[1])
    assert told.result().maps(run[:8])["run"].to_numpy().tolist() == [run]
    with pytest.raises(KeyError, match="there is no element map 'other'; there are"):
        told.result().maps("other")


def test_a_successor_does_not_fit_rows_again(told):
    told.begin()
    told.file([0, 1])
    told.good(0)
    assert told.fit() == 1
    successor = Maps(told.journal, (told.folder,))
    recall(told.folder / "journal", successor)
    assert (told.run.start_doc["uid"], 0, 1) in successor._done


def test_rows_that_wait_when_the_process_is_told_to_end_are_fitted_first(told):
    told.begin()
    told.file([0, 1])
    told.good(0)
    told.good(1)
    told.journal.close()
    told.maps.close()
    ending = Ending()
    ending.ended.set()
    serve(told.folder / "journal", lambda publish: Maps(publish, (told.folder,)), ending, recall=recall)
    rate = told.result().maps("particle")["rate"].isel(map=0)
    assert np.isfinite(rate.to_numpy()).any(axis=(0, 2)).tolist() == [True, True, False]


def test_a_file_elsewhere_is_refused_and_its_rows_are_left_out(told, tmp_path_factory, caplog):
    told.begin()
    told.folder, kept = tmp_path_factory.mktemp("elsewhere"), told.folder
    told.file([0])
    told.folder = kept
    told.good(0)
    assert told.fit() == 1
    assert "left out" in caplog.text
    with pytest.raises(KeyError):
        told.result().maps("particle")


def test_a_dark_row_is_weak_and_not_an_error(told):
    told.begin()
    told.files += 1
    path = told.folder / "dark.h5"
    write_spectra(path, np.zeros((COLUMNS, DETECTORS, CHANNELS)))
    told.file([0])
    (told.folder / f"{told.files}.h5").write_bytes(path.read_bytes())
    told.good(0)
    told.fit()
    maps = told.result().maps("particle")
    assert maps["counts"].sel(y_um=1.0).to_numpy() == pytest.approx(0.0)
    assert set(maps["verdict_code"].sel(y_um=1.0).to_numpy().ravel()) == {1.0}


def test_without_elements_those_of_the_chemistry_are_fitted(told):
    told.begin(elements=[])
    told.file([0])
    told.good(0)
    told.fit()
    assert told.result().maps("particle")["element"].to_numpy().tolist() == ["Mn", "Co", "Ni"]


def test_an_element_that_is_named_twice_is_fitted_once(told):
    told.begin(elements=["Co", "Ni", "Co"])
    told.file([0])
    told.good(0)
    told.fit()
    maps = told.result().maps("particle")
    assert maps["element"].to_numpy().tolist() == ["Co", "Ni"]
    assert np.isfinite(maps["counts"].sel(y_um=maps["y_um"][0])).all()


def test_a_full_disk_while_a_document_is_taken_ends_the_live_fit_and_is_not_called_nonsense(monkeypatch):
    def full(doc):
        raise OSError(28, "the journal's disk is full")

    maps = Maps(lambda name, doc: None, ())
    monkeypatch.setattr(maps, "_take_stop", full)
    with pytest.raises(OSError, match="disk is full"):
        maps("stop", {"run_start": "any"})


# A ring that decays over the map, and is topped up in the middle of its second row.
RING = np.linspace(1.0, 0.7, ROWS * COLUMNS).reshape(ROWS, COLUMNS)
RING[1, 2:] += 0.2
RING[2] += 0.2
FLAT = np.array([4000.0, 9000.0])
"""Counts of cobalt and nickel in each pixel of an even specimen, at full current."""


def spectra_of_an_even_specimen(row, *, backwards):
    channels = np.arange(float(CHANNELS))
    parts = components(DetectorResponse(**RESPONSE), ELEMENTS, ENERGY_EV, channels)[:, :2]
    mean = np.outer(RING[row], np.einsum("e,ne->n", FLAT, parts)) / DETECTORS
    drawn = np.random.default_rng(40 + row).poisson(np.repeat(mean[:, None], DETECTORS, axis=1))
    return drawn[::-1] if backwards else drawn


@pytest.mark.parametrize("mode", ["fly", "step"])
def test_a_map_with_a_ring_that_decays_and_is_topped_up_comes_out_flat(told, mode):
    i0_a = 1e-7 * RING
    told.begin(i0_hz_per_a=HZ_PER_A)
    told.spectra = spectra_of_an_even_specimen
    told.file([0, 1, 2])
    if mode == "fly":
        told.gates([0, 1, 2], i0_a + DARK_A)
    for row in range(ROWS):
        if mode == "step":
            told.pixels(row, i0_a[row])
        told.good(row)
    told.end()
    told.fit()
    made = told.result().maps("particle").isel(map=0)
    assert made["i0_a"].to_numpy() == pytest.approx(i0_a, rel=1e-4)
    assert made["place_um"].to_numpy() == pytest.approx(np.tile(PLACES_UM, (ROWS, 1)))
    expected = FLAT / (1e9 * 1e-7 * PIXEL_S)
    off = (made["per_i0"].to_numpy() - expected[:, None, None]) / made["per_i0_sigma"].to_numpy()
    assert np.abs(off).max() < 4.0
    uneven = (made["counts"].to_numpy() - FLAT[:, None, None]) / made["counts_sigma"].to_numpy()
    assert np.abs(uneven).max() > 10.0


@pytest.mark.parametrize("energy_ev", [ENERGY_EV, ENERGY_EV + 500.0])
def test_a_map_per_photon_is_the_same_at_any_energy_of_the_beam(told, energy_ev):
    nitrogen = Chamber("nitrogen", 10.0, 900.0)
    told.chamber = {"i0_gas": "nitrogen", "i0_length": 10.0, "i0_pressure": 900.0}
    a_per_photon = 1e-7 / float(photon_flux(1e-7, energy_ev, nitrogen, behind=True))
    told.begin(energy_ev=energy_ev)
    told.file([0])
    told.pixels(0, np.full(COLUMNS, 2e9 * a_per_photon))
    told.good(0)
    told.end()
    told.fit()
    made = told.result().maps("particle").isel(map=0).sel(y_um=1.0)
    assert made["i0_photons_per_s"].to_numpy() == pytest.approx(2e9, rel=1e-4)
    per_photon = made["per_photon"].to_numpy() * 2e9 * PIXEL_S
    assert per_photon == pytest.approx(made["counts"].to_numpy(), rel=1e-4)
    assert "units" not in made["per_photon"].attrs


@pytest.mark.parametrize(
    "chamber", [{"i0_gas": ""}, {"i0_gas": "nitrogen", "i0_length": 0.0, "i0_pressure": 1.0}]
)
def test_a_map_whose_chamber_nobody_described_is_per_charge_alone(told, chamber):
    told.chamber = chamber
    told.begin()
    told.file([0])
    told.pixels(0, np.full(COLUMNS, 1e-7))
    told.good(0)
    told.end()
    told.fit()
    made = told.result().maps("particle").isel(map=0).sel(y_um=1.0)
    assert np.isnan(made["per_photon"].to_numpy()).all()
    assert np.isfinite(made["per_i0"].to_numpy()).all()


def test_a_map_without_i0_says_nothing_of_it(told):
    told.begin()
    told.file([0])
    told.good(0)
    told.end()
    told.fit()
    made = told.result().maps("particle")
    assert np.isnan(made["per_i0"].to_numpy()).all()
    assert np.isfinite(made["rate"].sel(y_um=1.0).to_numpy()).all()
