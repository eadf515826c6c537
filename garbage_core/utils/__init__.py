"""garbage_core.utils."""
