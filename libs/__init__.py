"""Libraries: the published language, the pure values, and the chassis every process stands on."""
