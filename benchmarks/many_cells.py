"""Triggers kept of 8 cells on one beam, against round robin and a search that knows all of them ahead."""

import math

import numpy as np
from operando.plans.schedule import requests_every, simulate
from operando.plans.scheduler import (
    Activity,
    Request,
    SampleChanger,
    Situation,
    choose,
    most_kept,
    round_robin,
)

from .figure import Figure

SPECTRUM_S = 28.0
FORECAST_S = 120.0
SEARCHED = 12
CHANGER = SampleChanger({f"cell_{number}": (20.0 * number, 0.0) for number in range(8)})


def eight_cells(lithium: float, latest_s: float) -> tuple[list[Request], dict[str, Activity]]:
    """Charges of 0.6 lithium at C/5 within 7 %, begun within half an hour, triggers every `lithium`."""
    rng = np.random.default_rng(3)
    requests: list[Request] = []
    activity: dict[str, Activity] = {}
    for cell in CHANGER.positions_mm:
        hour_s, begin_s = 5 * 3600 * rng.uniform(0.93, 1.07), rng.uniform(0, 1800)
        requests += requests_every(
            cell,
            lithium * hour_s,
            SPECTRUM_S,
            begin_s=begin_s,
            end_s=begin_s + 0.6 * hour_s,
            latest_s=latest_s,
        )
        activity[cell] = Activity(1 / hour_s, rng.uniform(0.5, 1.5))
    return requests, activity


def figures(what: str, lithium: float, latest_s: float, goal: str) -> list[Figure]:
    """Compare one set of requests with both baselines."""
    requests, activity = eight_cells(lithium, latest_s)
    kept = len(simulate(requests, choose, CHANGER, activity=activity, forecast_s=FORECAST_S).served)
    turns = len(simulate(requests, round_robin, CHANGER).served)
    hindsight = most_kept(requests, Situation(0.0, "cell_0", CHANGER), width=SEARCHED)
    name = f"8 cells at C/5, {what}: kept of {len(requests)} triggers"
    return [
        Figure(name, kept, "search that knows all ahead", hindsight, kept / hindsight, goal, "triggers"),
        Figure(name, kept, "round robin", turns, kept / turns, ">= 1 x", "triggers"),
    ]


def run() -> list[Figure]:
    """Measure with room for all, with deadlines too tight for all, and with more than fits."""
    return [
        *figures("every 0.02 lithium", 0.02, math.inf, ">= 1 x"),
        *figures("every 0.02, start within 80 s", 0.02, 80.0, ">= 0.98 x"),
        *figures("every 0.01", 0.01, math.inf, ">= 0.9 x"),
    ]
