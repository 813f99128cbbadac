"""Command line: a whole simulated beamline until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from .launcher import MICROSCOPE_SERVERS, NANOPROBE_SERVERS, OPTIONAL_SERVERS, SERVERS, Launcher, run
from .mount import split_place
from .scenario import Scenario, load_scenario
from .scenarios import DEFAULT_SCENARIO


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m operando.simulated_beamline", description=__doc__)
    parser.add_argument(
        "--scenario",
        action="append",
        help=f"name or path of a toml file (default {DEFAULT_SCENARIO}); given again, a cell on the next "
        "channel of the cycler, with @X,Y at this place (mm) of the sample changer",
    )
    parser.add_argument("--run-folder", type=Path, required=True, help="clock, board, logs, beamline.json")
    parser.add_argument("--mode", choices=["elastic", "constant", "real"], default="elastic")
    parser.add_argument("--factor", type=float, default=500.0, help="simulated seconds per second")
    parser.add_argument("--prefix", default="OP:", help="start of every process variable")
    parser.add_argument(
        "--servers",
        nargs="+",
        default=list(SERVERS),
        choices=SERVERS + OPTIONAL_SERVERS + NANOPROBE_SERVERS + MICROSCOPE_SERVERS,
    )
    parser.add_argument("--camera", action="store_true", help="with a camera, if the scenario has one")
    parser.add_argument(
        "--nanoprobe", action="store_true", help="with nanoprobe and trigger box, if it has one"
    )
    parser.add_argument(
        "--microscope", action="store_true", help="with microscope, heater and trigger box, if it has one"
    )
    parser.add_argument("--trigger-box", action="store_true", help="with a trigger box")
    parser.add_argument(
        "--data-folder", type=Path, help="where the camera may write (default: in the run folder)"
    )
    return parser


def _optional_servers(arguments: argparse.Namespace, scenario: Scenario) -> list[str]:
    """Servers that are asked for and that the scenario has something for."""
    further: list[str] = []
    if arguments.camera and scenario.diffraction is not None:
        further.append("camera")
    if arguments.nanoprobe and scenario.particle is not None:
        further += NANOPROBE_SERVERS
    if arguments.microscope and scenario.microscope is not None:
        further += MICROSCOPE_SERVERS
    if arguments.trigger_box or {*NANOPROBE_SERVERS, *MICROSCOPE_SERVERS} & set(further):
        further.append("trigger_box")
    return further


def main() -> None:
    """Start all servers of a scenario and wait."""
    arguments = _parser().parse_args()
    scenarios = arguments.scenario or [DEFAULT_SCENARIO]
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    scenario = load_scenario(split_place(scenarios[0])[0])
    launcher = Launcher(
        arguments.run_folder,
        scenario=scenarios,
        prefix=arguments.prefix,
        servers=(*arguments.servers, *_optional_servers(arguments, scenario)),
        data_folder=arguments.data_folder,
    )
    run(launcher, mode=arguments.mode, factor=arguments.factor)


if __name__ == "__main__":
    main()
