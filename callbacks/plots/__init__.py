"""Pictures of experiments, running or finished."""
