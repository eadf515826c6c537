"""garbage_core.config.training_config."""
