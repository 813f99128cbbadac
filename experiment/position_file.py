"""Places of a specimen at which an experiment file has a measurement done."""

from collections.abc import Iterator, Sequence

from pydantic import Field

from ..plans.multi_position import SamplePosition
from .section import Section


class PositionFile(Section):
    """``positions = [{...}]``: a place of the specimen, by the stages below its rotation.

    Attributes
    ----------
    name
        What it is called in the documents.
    x_um, y_um, z_um
        Across the beam, along it, along the axis, um.
    """

    name: str = Field(min_length=1)
    x_um: float = Field(ge=-1e5, le=1e5)
    y_um: float = Field(default=0.0, ge=-1e5, le=1e5)
    z_um: float = Field(default=0.0, ge=-1e5, le=1e5)

    def place(self) -> SamplePosition:
        """Give it to a plan."""
        return SamplePosition(self.name, self.x_um, self.y_um, self.z_um)


def doubled_names(positions: Sequence[PositionFile]) -> Iterator[tuple[str, str]]:
    """Yield key and sentence where two places have one name."""
    names = [each.name for each in positions]
    doubles = sorted({name for name in names if names.count(name) > 1})
    if doubles:
        yield "positions", f"have {', '.join(doubles)} more than once; give each a name of its own"
