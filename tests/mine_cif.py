"""A layered phase of the user's own, as the guides read it."""

CIF = """data_mine
_cell_length_a 2.87
_cell_length_b 2.87
_cell_length_c 14.2
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 120
_symmetry_space_group_name_H-M 'R -3 m:H'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Li Li 0 0 0.5 1.0
Ni Ni 0 0 0 1.0
O O 0 0 0.241 1.0
"""
