"""Whether the RunEngine stood still meanwhile, be it for a pause or because the beam was gone."""


class Interruptions:
    """Counts pauses and suspensions.

    The RunEngine calls `pause` of every object that a plan's messages have named, when it is paused and when
    it is suspended, and goes on afterwards without a word to the plan: a camera has then exposed in vain.
    Name it in a message, such as `Msg("null", it)`.
    """

    name = "interruptions"
    parent = None

    def __init__(self) -> None:
        self.count = 0

    def pause(self) -> None:
        """Count one."""
        self.count += 1

    def resume(self) -> None:
        """Do nothing: who asks looks at the count."""
