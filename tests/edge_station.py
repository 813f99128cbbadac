"""The soft beamline before whose chambers the simulated cell stands, at one state, with a foil behind it."""

import numpy as np
from operando.simulated_beamline.scenario import load_scenario
from soft_fly import FlyStation, ReadMono


class EdgeStation(FlyStation):
    """The soft beamline with the simulated cell, at one state, and a foil behind it."""

    def __init__(self):
        super().__init__()
        self.mono = ReadMono(name="mono")
        self.mono.energy.name = "mono_energy"
        scenario = load_scenario("nmc811-first-charge")
        self.stack, self.foils = scenario.build_cell_stack(), scenario.build_foils()
        self.off_ev = 0.0
        self.trigger_box.absorbance = self.absorbance
        self.ion_chambers.on_trigger = self.count

    def absorbance(self, energy_ev):
        true_ev = np.asarray(energy_ev) + self.off_ev
        return self.stack.absorbance(true_ev, 0.6), sum(foil.absorbance(true_ev) for foil in self.foils)

    def count(self):
        self.tick()
        sample, foil = self.absorbance([self.mono.energy.get()])
        currents_a = 1e-7 * np.exp(-np.cumsum([0.0, sample[0], foil[0]]))
        for name, current_a in zip(("i0", "it", "ir"), currents_a, strict=True):
            getattr(self.ion_chambers, name).put(current_a)
            getattr(self.ion_chambers, f"{name}_raw").put(current_a)
