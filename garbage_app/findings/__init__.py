"""garbage_app.findings."""
