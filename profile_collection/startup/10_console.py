"""What is missing, told; then prompt, magics and errors of a terminal, which a queue server has not."""

import logging
import traceback
from types import TracebackType

from bluesky.magics import BlueskyMagics
from event_model import RunRouter
from IPython import get_ipython
from IPython.terminal.interactiveshell import TerminalInteractiveShell
from IPython.terminal.prompts import Prompts, Token
from operando.experiment.hand_table import hand_table
from rich.console import Console


class CellPrompts(Prompts):
    """Shows experiment and cell above each input."""

    def in_prompt_tokens(self) -> list[tuple[object, str]]:
        """State of the cell, then the number of the input."""
        return [(Token.Comment, f"[{session.prompt()}]\n"), *super().in_prompt_tokens()]


def tell(
    shell: TerminalInteractiveShell,
    kind: type[BaseException],
    error: BaseException,
    trace: TracebackType,
    tb_offset: int | None = None,
) -> None:
    """Tell an error: in a line if it comes from a plan, below hundreds of lines of the RunEngine."""
    names = {frame.f_globals.get("__name__") for frame, _ in traceback.walk_tb(trace)}
    usual = shell.InteractiveTB.mode
    shell.InteractiveTB.set_mode("Minimal" if "bluesky.run_engine" in names else usual)
    try:
        shell.showtraceback((kind, error, trace), tb_offset=tb_offset)
    finally:
        shell.InteractiveTB.set_mode(usual)


Console(emoji=False).print(session.welcome(), markup=False, highlight=False, soft_wrap=True)
shell = get_ipython()
if isinstance(shell, TerminalInteractiveShell):
    shell.prompts = CellPrompts(shell)
    shell.register_magics(BlueskyMagics)
    shell.set_custom_exc((Exception,), tell)
    if session.engine is not None:
        session.engine.subscribe(RunRouter([hand_table]))
    # The RunEngine logs the trace of what it raises: `tell` does.
    logging.getLogger("bluesky").addFilter(lambda record: not record.exc_info)
