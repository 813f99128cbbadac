"""From space group and sites to powder lines, by gemmi."""
# pyright: standard, reportUnnecessaryComparison=false

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .phase import FloatArray, Lattice, Phase, System, lattice_of, metric_of, metric_rows

if TYPE_CHECKING:
    import gemmi

Q_MAX_PER_A = 7.0
WEAKEST = 1e-3
"""Lines weaker than this part of the strongest are left out."""
LATTICE_OFF = 1e-3
"""Part by which a length or an angle may differ from what the crystal system asks for: rounding."""
Site = tuple[str, float, float, float, float, float]
"""Element, x, y, z (fractions of the cell), occupancy, B in square angstrom."""


def phase_from_sites(
    name: str,
    *,
    space_group: str,
    lattice: Lattice,
    sites: list[Site],
    family: str = "other",
    source: str = "",
    q_max_per_a: float = Q_MAX_PER_A,
) -> Phase:
    """Compute the powder lines of a structure.

    Parameters
    ----------
    name, family, source
        What the phase is called, its kind, where the numbers come from.
    space_group
        Hermann-Mauguin symbol with the setting where there are several, such as ``"R -3 m:H"``.
    lattice
        a, b, c in angstrom, alpha, beta, gamma in degrees.
    sites
        Element, x, y, z, occupancy, B in square angstrom of each atom of the asymmetric unit.
    q_max_per_a
        Lines up to here, 1/angstrom.

    Returns
    -------
    Phase
        With X-ray strengths from the atomic form factors of the International Tables (in gemmi).

    Raises
    ------
    ValueError
        If the space group or an element is unknown, the lattice is none of that group, an occupancy or B
        cannot be, or no line lies below `q_max_per_a`.
    """
    import gemmi

    group = gemmi.find_spacegroup_by_name(space_group)
    if group is None:
        raise ValueError(f"phase {name}: space group {space_group!r} is unknown; write it as in 'R -3 m:H'")
    small = gemmi.SmallStructure()
    small.cell = gemmi.UnitCell(*lattice)
    small.spacegroup_hm = group.xhm()
    small.determine_and_set_spacegroup("2.")
    for element, x, y, z, occupancy, b_a2 in sites:
        if not 0 <= occupancy <= 1 or not b_a2 >= 0:
            raise ValueError(
                f"phase {name}: site {element} has occupancy {occupancy:g} and B {b_a2:g}; give 0 to 1, and "
                "not below 0"
            )
        site = gemmi.SmallStructure.Site()
        site.element = gemmi.Element(element)
        site.label = element
        site.fract = gemmi.Fractional(x, y, z)
        site.occ = occupancy
        site.u_iso = b_a2 / (8 * np.pi**2)
        small.add_site(site)
    small.setup_cell_images()
    return _phase(small, group, name, family, source, q_max_per_a)


def phase_from_cif(
    path: Path | str, *, name: str | None = None, family: str = "other", q_max_per_a: float = Q_MAX_PER_A
) -> Phase:
    """Read a phase from a CIF file.

    Parameters
    ----------
    path
        The file, with cell, symmetry and atom sites.
    name
        What to call the phase; the file's stem if not given.
    family
        Its kind, such as ``"layered"``.
    q_max_per_a
        Lines up to here, 1/angstrom.

    Raises
    ------
    ValueError
        If the file holds no cell, symmetry or sites, or they do not go together.
    """
    import gemmi

    try:
        small = gemmi.read_small_structure(str(path))
    except (IndexError, RuntimeError) as error:
        raise ValueError(f"{path}: no CIF block can be read ({error}); is the file empty?") from error
    if small.spacegroup is None:
        small.determine_and_set_spacegroup("s.h2")
    if small.spacegroup is None or not len(small.sites):
        raise ValueError(f"{path}: no space group or no atom sites; write a CIF with both")
    for site in small.sites:
        if site.u_iso <= 0:
            site.u_iso = 0.006
    small.setup_cell_images()
    known = name or Path(path).stem
    return _phase(small, small.spacegroup, known, family, f"CIF {Path(path).name}", q_max_per_a)


def _phase(
    small: gemmi.SmallStructure,
    group: gemmi.SpaceGroup,
    name: str,
    family: str,
    source: str,
    q_max_per_a: float,
) -> Phase:
    """Gather lines that fall together by symmetry into one."""
    cell = small.cell
    lattice: Lattice = (cell.a, cell.b, cell.c, cell.alpha, cell.beta, cell.gamma)
    system = _shape(lattice) if group.number == 1 else _system(group)
    _require(small, lattice, system, name)
    small.change_occupancies_to_crystallographic()
    hkl, power = _powers(small, group, q_max_per_a)
    if not power.any():
        raise ValueError(
            f"phase {name}: no line below q = {q_max_per_a} 1/angstrom; ask for a larger range, or look at "
            "the occupancies"
        )
    rows = metric_rows(hkl, system)
    q = np.sqrt(rows @ metric_of(lattice, system))
    order = np.lexsort((*hkl.T, np.round(q, 7)))
    hkl, rows, q, power = hkl[order], rows[order], q[order], power[order]
    first = np.r_[True, np.any(np.abs(np.diff(rows, axis=0)) > 1e-9, axis=1)]
    area = np.add.reduceat(power, np.flatnonzero(first)) / (cell.volume * q[first]) ** 2
    kept = area > WEAKEST * area.max()
    return Phase(
        name=name,
        family=family,
        source=source,
        space_group=group.xhm(),
        system=system,
        lattice=lattice,
        hkl=hkl[first][kept],
        q_per_a=q[first][kept],
        strength=area[kept],
        rows=rows[first][kept],
        density=_mass(small, group) / cell.volume,
    )


def _require(small: gemmi.SmallStructure, lattice: Lattice, system: System, name: str) -> None:
    """Refuse a lattice that its crystal system does not allow, and what is no element."""
    if unknown := [site.label for site in small.sites if not site.element.atomic_number]:
        raise ValueError(f"phase {name}: {unknown[0]!r} is no element; give its symbol, such as Ni")
    if not min(lattice) > 0:
        raise ValueError(f"phase {name}: lattice {lattice}; lengths and angles must be above 0")
    allowed = np.array(lattice_of(metric_of(lattice, system), system))
    off = np.abs(np.array(lattice) / allowed - 1)
    if not off.max() < LATTICE_OFF:
        raise ValueError(
            f"phase {name}: lattice {lattice} is not {system}, as its space group is; "
            "correct either, or give the setting, such as 'R -3 m:H'"
        )


def _powers(
    small: gemmi.SmallStructure, group: gemmi.SpaceGroup, q_max_per_a: float
) -> tuple[NDArray[np.int_], FloatArray]:
    """Index triples (n, 3) of the asymmetric unit, and multiplicity times |F|**2 (n,), electrons**2."""
    import gemmi

    operations = group.operations()
    hkl = gemmi.make_miller_array(small.cell, group, 2 * np.pi / q_max_per_a)
    calculator = gemmi.StructureFactorCalculatorX(small.cell)
    rotations = np.array([operation.rot for operation in operations.sym_ops]) // gemmi.Op.DEN
    equivalents = np.einsum("nj,mjk->nmk", hkl, rotations)
    both = np.concatenate([equivalents, -equivalents], axis=1)
    count = np.array([len(np.unique(each, axis=0)) for each in both], dtype=float)
    amplitude = [calculator.calculate_sf_from_small_structure(small, [int(i) for i in each]) for each in hkl]
    return hkl.astype(np.int_), count * np.abs(np.array(amplitude, dtype=complex)) ** 2


def _mass(small: gemmi.SmallStructure, group: gemmi.SpaceGroup) -> float:
    """Mass of the atoms in the cell, dalton; occupancies are per place of the general position."""
    images = len(list(group.operations()))
    return images * sum(float(site.element.weight * site.occ) for site in small.sites)


def _system(group: gemmi.SpaceGroup) -> System:
    """Crystal system; trigonal cells on hexagonal axes count as hexagonal, on rhombohedral as triclinic."""
    name = str(group.crystal_system_str())
    if name == "trigonal":
        return System.TRICLINIC if group.ext == "R" else System.HEXAGONAL
    found = System(name)
    if found is System.MONOCLINIC and group.monoclinic_unique_axis() != "b":
        return System.TRICLINIC
    return found


def _shape(lattice: Lattice) -> System:
    """Crystal system that the numbers of a lattice show, for files that list every atom and no symmetry."""
    (a, b, c), angles = lattice[:3], np.array(lattice[3:])
    square, wide = np.abs(angles - 90) < 0.02, abs(angles[2] - 120) < 0.02
    alike = abs(a - b) < 5e-4 * a
    if square.all():
        if not alike:
            return System.ORTHORHOMBIC
        return System.CUBIC if abs(a - c) < 5e-4 * a else System.TETRAGONAL
    if square[:2].all() and wide and alike:
        return System.HEXAGONAL
    return System.MONOCLINIC if square[0] and square[2] else System.TRICLINIC
