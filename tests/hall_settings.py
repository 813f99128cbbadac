"""Settings of a beamline without servers, for tests of what becomes of the potentiostat's names."""


def hall_settings(cell_prefix: str, cell_map: str = "") -> str:
    """Text of a settings file; `cell_map`: lines of the table of mapped names, none without."""
    table = f"[devices.cell.map]\n{cell_map}\n" if cell_map else ""
    return f"""
name = "hall"
[devices]
mono = {{ class = "monochromator", prefix = "B:MONO:" }}
ion_chambers = {{ class = "ion_chambers", prefix = "B:QE1:" }}
photon_shutter = {{ class = "shutter", prefix = "B:PSS:" }}
front_end_shutter = {{ class = "shutter", prefix = "B:FES:" }}
ring = {{ class = "ring", prefix = "B:RING:" }}
stage = {{ class = "sample_stage", prefix = "B:STAGE:" }}
[devices.cell]
class = "potentiostat"
prefix = "{cell_prefix}"
{table}"""
