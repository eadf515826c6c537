"""garbage_app.audit."""
