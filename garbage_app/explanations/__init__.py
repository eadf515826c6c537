"""garbage_app.explanations."""
