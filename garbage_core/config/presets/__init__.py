"""The two recipes as TOML, every value with its reason; read by `garbage_core.config.training_config`."""
