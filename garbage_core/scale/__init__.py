"""garbage_core.scale.job."""
