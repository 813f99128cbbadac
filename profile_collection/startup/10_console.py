"""What is missing, told; then prompt and magics of a terminal, which a queue server has not."""

from bluesky.magics import BlueskyMagics
from IPython import get_ipython
from IPython.terminal.interactiveshell import TerminalInteractiveShell
from IPython.terminal.prompts import Prompts, Token
from rich.console import Console


class CellPrompts(Prompts):
    """Shows experiment and cell above each input."""

    def in_prompt_tokens(self) -> list[tuple[object, str]]:
        """State of the cell, then the number of the input."""
        return [(Token.Comment, f"[{session.prompt()}]\n"), *super().in_prompt_tokens()]


Console(emoji=False).print(session.welcome(), markup=False, highlight=False, soft_wrap=True)
shell = get_ipython()
if isinstance(shell, TerminalInteractiveShell):
    shell.prompts = CellPrompts(shell)
    shell.register_magics(BlueskyMagics)
