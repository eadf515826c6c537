"""garbage_core.inference.engine."""
