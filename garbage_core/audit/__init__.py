"""garbage_core.audit.findings."""
