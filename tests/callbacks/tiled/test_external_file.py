"""External files are served from the configured folders alone, whatever they link to."""

import os

import h5py
import numpy as np
import pytest
from operando.callbacks.tiled.external_file import (
    ExternalFileRefusedError,
    require_inner_links,
    resolve_external,
)


@pytest.fixture
def inside(tmp_path):
    (tmp_path / "inside").mkdir()
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["frames"] = np.arange(6.0)
    return tmp_path / "inside"


def virtual(file: h5py.File, source: str) -> None:
    layout = h5py.VirtualLayout((6,), "f8")
    layout[:] = h5py.VirtualSource(source, "frames", (6,))
    file.create_virtual_dataset("frames", layout)


def external_link(file: h5py.File, source: str) -> None:
    file["entry/data"] = h5py.ExternalLink(source, "frames")


def external_storage(file: h5py.File, source: str) -> None:
    file.create_dataset("frames", (6,), "f8", external=[(source, 0, h5py.h5f.UNLIMITED)])


@pytest.mark.parametrize("draw_on", [virtual, external_link, external_storage])
def test_a_file_that_draws_on_another_outside_is_refused(inside, draw_on):
    with h5py.File(inside / "scan.h5", "w") as file:
        draw_on(file, "../secret.h5")
    with pytest.raises(ExternalFileRefusedError, match=r"secret\.h5, outside"):
        require_inner_links(inside / "scan.h5", (inside,))
    require_inner_links(inside / "scan.h5", (inside.parent,))


def test_links_are_followed_from_file_to_file(inside):
    for name, target in (("scan.h5", "middle.h5"), ("middle.h5", "../secret.h5")):
        with h5py.File(inside / name, "w") as file:
            external_link(file, target)
    with pytest.raises(ExternalFileRefusedError, match=r"middle\.h5 draws on"):
        require_inner_links(inside / "scan.h5", (inside,))


def test_files_that_link_to_each_other_or_to_nothing_end_the_search(inside):
    for name, target in (("a.h5", "b.h5"), ("b.h5", "a.h5"), ("c.h5", "absent.h5")):
        with h5py.File(inside / name, "w") as file:
            external_link(file, target)
        require_inner_links(inside / name, (inside,))
    with h5py.File(inside / "circle.h5", "w") as file:
        entry = file.create_group("entry")
        entry["again"] = entry
    require_inner_links(inside / "circle.h5", (inside,))
    (inside / "picture.tiff").write_bytes(b"II*")
    require_inner_links(inside / "picture.tiff", (inside,))


def test_a_symbolic_link_that_leads_outside_is_refused(inside):
    os.symlink(inside.parent / "secret.h5", inside / "scan.h5")
    with pytest.raises(ExternalFileRefusedError, match="add its folder"):
        resolve_external((inside / "scan.h5").as_uri(), (inside,))


def test_a_data_root_that_was_moved_is_found_by_the_folders_below_it(tmp_path):
    told = tmp_path / "beamline" / "operando-data" / "frames" / "demo" / "turn.h5"
    here = tmp_path / "laptop" / "operando-data"
    (here / "frames" / "demo").mkdir(parents=True)
    (here / "frames" / "demo" / "turn.h5").touch()
    assert resolve_external(told.as_uri(), (here,)) == here / "frames" / "demo" / "turn.h5"


def test_a_file_is_not_found_again_by_its_name_alone(tmp_path):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "turn.h5").touch()
    with pytest.raises(ExternalFileRefusedError, match="outside"):
        resolve_external("file://localhost/beamline/frames/turn.h5", (tmp_path / "here",))


def test_a_link_below_a_root_does_not_lead_a_moved_file_out_of_it(inside):
    (inside / "frames").mkdir()
    (inside / "frames" / "turn.h5").symlink_to(inside.parent / "secret.h5")
    with pytest.raises(ExternalFileRefusedError, match="outside"):
        resolve_external("file://localhost/beamline/frames/turn.h5", (inside,))
