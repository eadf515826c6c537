"""garbage_core.training.loop."""
