"""garbage_core.studies.tables."""
