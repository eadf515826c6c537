"""garbage_core.runs.run."""
