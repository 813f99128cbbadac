"""What every table of an experiment file has in common."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Part of an experiment file: unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
