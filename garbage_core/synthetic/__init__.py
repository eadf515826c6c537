"""garbage_core.synthetic."""
