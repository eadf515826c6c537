"""garbage_core.export.export."""
