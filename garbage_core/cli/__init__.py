"""garbage_core.cli.main."""
