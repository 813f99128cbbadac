"""How often a plan takes again what was bad."""

from ..devices.refusal import refuse


def check_redo(plan: str, redo: int, name: str = "redo") -> None:
    """Refuse a number of repetitions that is none, before anything moves; `name` is what the plan calls it.

    Raises
    ------
    ValueError
        Naming the plan, the value and the remedy.
    """
    if not (isinstance(redo, int) and redo >= 0):
        raise refuse(plan, name, redo, "give how often what was bad is taken again, 0 for never")
