"""The prompt and the magics; the queue server has neither."""

from bluesky.magics import BlueskyMagics
from IPython import get_ipython
from IPython.terminal.prompts import Prompts, Token


class CellPrompts(Prompts):
    """Shows experiment and cell in front of each input."""

    def in_prompt_tokens(self) -> list[tuple[object, str]]:
        """State of the cell, then the number of the input."""
        return [(Token.Comment, f"[{session.prompt()}]\n"), *super().in_prompt_tokens()]


shell = get_ipython()
if shell is not None:
    shell.prompts = CellPrompts(shell)
    shell.register_magics(BlueskyMagics)
    shell.user_ns["report"] = session.report
