"""garbage_core.networks.build."""
