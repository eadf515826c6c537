"""Pictures that are drawn, and photos that are altered: foreground masks, surfaces, OOD pictures."""
