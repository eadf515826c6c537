"""Everything that is measured, as programs."""
