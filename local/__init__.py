"""Both clouds emulated on one machine, for development and tests, and the demo."""
