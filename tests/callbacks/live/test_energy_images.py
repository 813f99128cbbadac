"""Images at the energies of an edge, told as the plan tells them, become maps of each pixel."""

import uuid

import h5py
import numpy as np
import pandas as pd
import pytest
from event_model import compose_run
from operando.callbacks.live.slices import Slices, recall
from operando.callbacks.plots.edge_map import edge_map_figure
from operando.callbacks.tiled.experiment import Experiment
from operando.callbacks.tiled.journal import Journal, JournalTail
from operando.callbacks.tiled.open_experiment import experiment_from_journal
from operando.callbacks.tiled.spectrum import Spectrum
from operando.experiment.cli import app
from scipy.ndimage import gaussian_filter, shift
from typer.testing import CliRunner

pytestmark = pytest.mark.slow
SIDE, FLAT, DARK = 48, 40000.0, 100.0
ENERGY_EV = np.concatenate(
    [np.arange(8200.0, 8320.0, 15.0), np.arange(8326.0, 8366.0, 1.5), np.arange(8370.0, 8520.0, 15.0)]
)
HALF_EV = np.where(np.arange(SIDE) < SIDE // 2, 8343.0, 8344.5)
"""Of each column."""


def absorption():
    """Two chemical states in a specimen with structure, shape (energies, rows, columns)."""
    rough = gaussian_filter(np.random.default_rng(3).normal(size=(SIDE, SIDE)), 2.0)
    amount = 0.6 + 0.3 * rough / np.abs(rough).max()
    off = ENERGY_EV[:, None, None] - HALF_EV
    edge = 1 / (1 + np.exp(-off / 1.2)) + 0.6 * np.exp(-0.5 * ((off - 8.0) / 3.0) ** 2)
    return amount * (0.5 + edge) * (ENERGY_EV[:, None, None] / 8333.0) ** -2.8


class ToldImages:
    """Files and documents of a run of xanes_imaging, two frames an energy, told to journal and router."""

    def __init__(self, folder):
        self.folder = folder
        self.journal = Journal(folder / "journal", minimum_free_bytes=0)
        self.experiment = {"uid": str(uuid.uuid4()), "name": "e"}
        self.slices = Slices(self.journal, (folder,), folder / "results")
        self.tell(
            "start", compose_run(metadata={"purpose": "cycling", "experiment": self.experiment}).start_doc
        )
        self.rng = np.random.default_rng(1)
        self.light = np.ones(len(ENERGY_EV))

    def tell(self, name, doc):
        self.journal(name, dict(doc))
        self.slices(name, dict(doc))

    def run(self, which, **further):
        """Take the images of these energies."""
        md = {
            "purpose": "measurement",
            "technique": "xanes_imaging",
            "measurement": "valence",
            "element": "Ni",
        }
        run = compose_run(metadata={**md, "edge": "K", "experiment": self.experiment, "cell": {}, **further})
        uid = run.start_doc["uid"]
        self.tell("start", run.start_doc)
        images = absorption()[which]
        drift = [(0.04 * place, -0.06 * place) for place in which]
        seen = [shift(image, by, order=3, mode="nearest") for image, by in zip(images, drift, strict=True)]
        beam = FLAT * self.light[list(which), None, None]
        frames = self.rng.poisson(np.repeat(beam * np.exp(-np.array(seen)), 2, axis=0) + DARK)
        for stream, values in (
            ("dark", self.rng.poisson(DARK, (4, SIDE, SIDE))),
            ("flat", self.rng.poisson(FLAT + DARK, (4, SIDE, SIDE))),
            ("projections", frames),
        ):
            self._frames(run, stream, values.astype("<u2"), self.folder / f"{stream}_{uid[:8]}.h5")
        self._events(run, which)
        self.tell("stop", run.compose_stop())
        return uid

    def _frames(self, run, stream, values, path):
        with h5py.File(path, "w", libver="latest") as file:
            file["entry/data/data"] = values
        key = {"source": "x", "dtype": "array", "shape": [SIDE, SIDE], "external": "STREAM:"}
        made = run.compose_descriptor(name=stream, data_keys={"microscope_camera_image": key})
        bundle = run.compose_stream_resource(
            mimetype="application/x-hdf5",
            uri=f"file://localhost{path}",
            data_key="microscope_camera_image",
            parameters={"dataset": "/entry/data/data", "chunk_shape": [1, SIDE, SIDE]},
        )
        self.tell("descriptor", made.descriptor_doc)
        self.tell("stream_resource", bundle.stream_resource_doc)
        datum = bundle.compose_stream_datum({"start": 0, "stop": len(values)})
        self.tell("stream_datum", {**datum, "descriptor": made.descriptor_doc["uid"]})

    def _events(self, run, which):
        made = None
        for number, place in enumerate(which):
            data = {"image_energy_index": int(place), "image_first_frame": 2 * number, "image_frames": 2}
            data |= {"image_first_flat": 0, "image_flats": 4, "mono_energy": float(ENERGY_EV[place])}
            data |= {"image_light_ratio": float(self.light[place])}
            data |= {"microscope_pixel_um": 0.02, "cell_time": 5.0 + number, "cell_voltage": 3.8}
            data |= {"cell_current": 0.0, "cell_capacity": 1.0, "cell_lithium_content": 0.6}
            if made is None:
                keys = {name: {"source": "x", "dtype": "number", "shape": []} for name in data}
                made = run.compose_descriptor(name="primary", data_keys=keys)
                self.tell("descriptor", made.descriptor_doc)
            self.tell("event", made.compose_event(data=data, timestamps=dict.fromkeys(data, 0.0)))
        told = {"images_status": "whole", "images_reason": ""}
        keys = {name: {"source": "x", "dtype": "string", "shape": []} for name in told}
        made = run.compose_descriptor(name="outcome", data_keys=keys)
        self.tell("descriptor", made.descriptor_doc)
        self.tell("event", made.compose_event(data=told, timestamps=dict.fromkeys(told, 0.0)))

    def maps(self):
        while self.slices.step():
            pass
        journal = self.folder / "journal"
        opened = experiment_from_journal(journal, self.experiment["uid"], roots=(self.folder,))
        return opened.xanes_maps("Ni")


@pytest.fixture
def told(tmp_path):
    images = ToldImages(tmp_path)
    yield images
    images.slices.close()
    images.journal.close()


def test_both_chemical_states_are_in_the_map_although_the_images_drift(told):
    uid = told.run(range(len(ENERGY_EV)))
    maps = told.maps()
    assert maps["run"].values.tolist() == [uid]
    one = maps.isel(map=0)
    good = one["verdict_code"].to_numpy() == 0
    inner = np.zeros((SIDE, SIDE), bool)
    inner[4:-4, 4:-4] = True
    assert good[inner].mean() > 0.9
    # The reference is the last image, which has drifted by as many pixels.
    edge = SIDE // 2 - 0.06 * len(ENERGY_EV)
    columns = np.arange(SIDE)
    for side, expected in ((columns < edge - 2, 8343.0), (columns > edge + 2, 8344.5)):
        values = one["half_step_ev"].to_numpy()[good & inner & side]
        assert np.median(values) == pytest.approx(expected, abs=0.15)
    assert float(one["lithium_content"]) == pytest.approx(0.6)
    assert one["status"].item() == "whole"
    assert edge_map_figure(maps).axes


def test_valence_is_that_of_references_which_are_read_at_the_energies_of_the_images(told, monkeypatch):
    fine_ev = np.arange(ENERGY_EV[0], ENERGY_EV[-1] + 0.5, 0.25)

    def reference(valence, half_ev):
        off = fine_ev - half_ev
        edge = 1 / (1 + np.exp(-off / 1.2)) + 0.6 * np.exp(-0.5 * ((off - 8.0) / 3.0) ** 2)
        start = {"uid": str(valence), "reference": str(valence), "element": "Ni", "valence": valence}
        return Spectrum(start, pd.DataFrame({"energy_ev": fine_ev, "mu": edge}), complete=True)

    known = [reference(2.0, 8343.0), reference(3.0, 8344.5)]
    monkeypatch.setattr(Experiment, "references", lambda *_: known)
    told.run(range(len(ENERGY_EV)))
    one = told.maps().isel(map=0)
    edge = SIDE // 2 - 0.06 * len(ENERGY_EV)
    inner = slice(4, -4)
    # Light is in the sigma of each pixel, at a valence each 1.5 eV.
    assert np.nanmin(one["valence_sigma"] - one["light_sigma_ev"] / 1.6 * 0.5) > 0.0
    for side, expected in ((slice(4, int(edge) - 2), 2.0), (slice(int(edge) + 3, -4), 3.0)):
        assert np.nanmedian(one["valence"].to_numpy()[inner, side]) == pytest.approx(expected, abs=0.1)
    assert edge_map_figure(told.maps()).axes


def test_light_that_changes_from_energy_to_energy_is_not_seen_in_the_map(told):
    told.light = np.where(np.arange(len(ENERGY_EV)) % 2, 0.7, 1.0)
    told.run(range(len(ENERGY_EV)))
    maps = told.maps().isel(map=0)
    assert (maps["verdict_code"].to_numpy() == 0)[4:-4, 4:-4].mean() > 0.9
    assert maps["light"].item() == "told"
    assert maps["light_sigma_ev"].item() < 0.02


def test_an_image_that_could_not_be_put_on_the_others_is_told(told):
    told.light[len(ENERGY_EV) // 2] = 1e-6
    told.run(range(len(ENERGY_EV)))
    reason = told.maps()["reason"].item()
    assert f"1 of {len(ENERGY_EV)} images could not be put on the others" in reason


def test_the_command_makes_the_map_of_a_stored_run_and_says_where_it_is(told, monkeypatch):
    uid = told.run(range(len(ENERGY_EV)))
    monkeypatch.setenv("OPERANDO_DATA", str(told.folder))
    done = CliRunner().invoke(app, ["reconstruct", uid[:8], "--no-tiled"])
    assert done.exit_code == 0, done.output
    assert "Ni K:" in done.output
    assert ".xanes_maps('Ni')" in done.output
    experiment = experiment_from_journal(
        told.folder / "journal", told.experiment["uid"], roots=(told.folder,)
    )
    assert experiment.xanes_maps("Ni")["half_step_ev"].shape[-2:] == (SIDE, SIDE)


def test_a_pixel_of_binned_images_is_as_large_as_all_that_were_added_up(told):
    told.run(range(len(ENERGY_EV)), images={"binning": 2})
    assert told.maps()["pixel_um"].item() == pytest.approx(0.04)


def test_a_run_that_goes_on_with_another_adds_its_energies(told):
    half = len(ENERGY_EV) // 2
    first = told.run(range(half))
    told.run(range(half, len(ENERGY_EV)), resumes=first)
    maps = told.maps()
    assert maps["energies"].values[-1] == len(ENERGY_EV)


def test_too_few_images_make_no_map_and_say_so(told, caplog):
    told.run(range(2))
    with pytest.raises(KeyError):
        told.maps()
    assert "must be three or more" in caplog.text


def test_maps_that_are_made_are_not_made_again(told):
    told.run(range(len(ENERGY_EV)))
    told.maps()
    documents = []
    slices = Slices(lambda name, _: documents.append(name), (told.folder,), told.folder / "results")
    recall(told.folder / "journal", slices)
    for name, doc in JournalTail(told.folder / "journal").poll():
        slices(name, doc)
    assert not slices.step()
    assert not documents
