import pytest
from operando.devices.protocol import ConstantCurrent, Limits, Loop, Protocol, Rest
from operando.plans.triggers import (
    AllOf,
    AnyOf,
    AtLevel,
    EveryInterval,
    FeatureApproach,
    FeatureConfirmed,
    InCycle,
    InStep,
    Line,
    LineChange,
    Manual,
    StepBoundary,
    Thinned,
    While,
)
from operando.simulated_beamline.instrument.trigger import parse_rule

LIMITS = Limits(4.4, 2.5, 5e-3, 2.2)
PROTOCOL = Protocol(
    (
        ConstantCurrent(1e-3, until_voltage_v=4.3, id="charge"),
        Rest(600.0),
        ConstantCurrent(-1e-3, until_voltage_v=3.0, id="discharge"),
        Loop("charge", 2),
    )
)
TRIGGERS = (
    EveryInterval("step_time", 60.0),
    EveryInterval("voltage", 0.01, dead_band=0.02),
    EveryInterval("voltage_rate", 1e-5, over_s=20.0),
    AtLevel("current", (1e-4,), "falling", hysteresis=1e-5, dead_band=1e-5, for_s=5.0),
    AtLevel("voltage_rate", (1e-5, 1e-6), "falling", over_s=30.0),
    StepBoundary("end", "charge"),
    While("voltage", "above", 4.0, hysteresis=0.01, for_s=5.0),
    While("voltage_rate", "below", 1e-6, over_s=120.0),
    InStep("charge", for_s=60.0),
    InCycle(2),
    InCycle(1, half=True),
    Line("low", for_s=1.0),
    LineChange("both"),
    Manual(),
    FeatureConfirmed(),
    FeatureConfirmed("charging", window_v=0.02, prominence=0.1),
    FeatureApproach(0.02, (3.7, 4.0), "discharging"),
    FeatureApproach(0.02, window_v=0.05),
    AllOf((FeatureApproach(0.01, (4.0,)), InStep("charge"))),
    AllOf((AtLevel("voltage", (4.0,), "rising"), While("current", "above", 0.0), InCycle(0))),
    AnyOf((While("voltage", "above", 4.0), AllOf((InCycle(1), InStep("discharge"))), LineChange())),
    Thinned(EveryInterval("voltage", 0.01), min_interval_s=60.0),
    Thinned(AnyOf((InCycle(1), Line("high"))), per="arming"),
    Thinned(While("voltage", "above", 4.0), per="half_cycle", min_interval_s=1.0),
)


@pytest.mark.parametrize("trigger", TRIGGERS, ids=lambda trigger: trigger.rule_text)
def test_the_simulated_cycler_understands_each_rule_and_it_can_fire(trigger):
    parse_rule(trigger.rule_text)
    assert trigger.can_fire(PROTOCOL, LIMITS, capacity_mah=2.0) is None


@pytest.mark.parametrize(
    ("trigger", "reason"),
    [
        (While("voltage", "above", 4.35), "stays within 2.5 to 4.3 V"),
        (While("current", "below", -0.01), "stays within -0.005 to 0.005 A"),
        (AtLevel("current", (0.01,), "rising"), "never crossed"),
        (InStep("hold"), "the steps are charge, rest-2, discharge"),
        (InCycle(3), "the last cycle of this protocol is 2"),
        (InCycle(6, half=True), "the last half_cycle of this protocol is 5"),
        (EveryInterval("cycle", 3), "moves by at most 2"),
        (AllOf((StepBoundary("end", "charge"), While("voltage", "above", 4.35))), "never holds"),
        (AnyOf((StepBoundary("end", "hold"), InCycle(1))), "no step 'hold'"),
        (Thinned(InCycle(9), per="arming"), "the last cycle"),
        (FeatureApproach(0.02, (3.7, 4.35)), "4.35 V is never approached"),
        (FeatureConfirmed(window_v=2.0), "the window is not below the range"),
    ],
)
def test_what_can_never_fire_is_told_with_the_bound(trigger, reason):
    told = trigger.can_fire(PROTOCOL, LIMITS)
    assert told is not None
    assert reason in told


CHARGE = Protocol((ConstantCurrent(1e-3, until_voltage_v=4.3, id="charge"), Rest(600.0)))


@pytest.mark.parametrize(
    ("trigger", "reason"),
    [
        (FeatureConfirmed("discharging"), "no step of the protocol discharges the cell"),
        (FeatureApproach(0.02, (4.0,), "discharging"), "no step of the protocol discharges"),
        (FeatureApproach(0.02), "no second charge or discharge"),
        (While("current", "below", -1e-4), "stays within 0 to 0.005 A"),
    ],
)
def test_what_only_a_discharge_would_bring_is_told(trigger, reason):
    assert reason in str(trigger.can_fire(CHARGE, LIMITS))


def test_a_cell_at_rest_has_no_features():
    assert "charges or discharges" in str(FeatureConfirmed().can_fire(Protocol((Rest(600.0),)), LIMITS))


def test_a_time_longer_than_the_protocol_never_passes():
    short = Protocol((Rest(600.0),))
    assert "ends after 600 s" in str(Line("high", for_s=700.0).can_fire(short, LIMITS))
    assert "at most 600 s" in str(EveryInterval("step_time", 700.0).can_fire(short, LIMITS))
    assert EveryInterval("protocol_time", 500.0).can_fire(short, LIMITS) is None


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: AllOf((StepBoundary("end"), EveryInterval("time", 5.0))), "two events do not meet"),
        (lambda: AllOf((InCycle(1),)), "two or more"),
        (lambda: AllOf((InCycle(1), AnyOf((InCycle(1), InCycle(2))))), "cannot be a part"),
        (lambda: AnyOf((InCycle(1),)), "two or more"),
        (lambda: Thinned(Thinned(Manual(), per="arming")), "thinned already"),
        (lambda: Thinned(Manual(), min_interval_s=-1.0), "0 or positive"),
        (lambda: While("voltage", "over", 3.0), "side 'over' is unknown"),  # type: ignore[arg-type]
        (lambda: While("voltage", "above", 3.0, over_s=5.0), "belongs to voltage_rate"),
        (lambda: AtLevel("voltage", (3.0,), "both", for_s=-1.0), "for_s -1.0 must be 0 or positive"),
        (lambda: InCycle(-1), "0 or more"),
        (lambda: FeatureApproach(0.0), "margin_v 0.0 V must be positive"),
        (lambda: FeatureApproach(0.01, (3.7,), window_v=0.1), "belong to features of the last"),
        (lambda: FeatureConfirmed(prominence=1.0), "above 0 and below 1"),
        (lambda: FeatureConfirmed("up"), "way 'up' is unknown"),  # type: ignore[arg-type]
        (lambda: EveryInterval("voltage", 0.1, dead_band=float("nan")), "dead_band nan"),
    ],
)
def test_what_makes_no_sense_is_refused_when_it_is_written(build, message):
    with pytest.raises(ValueError, match=message):
        build()
