"""Both clouds on one machine: what development and tests talk to instead of the real ones."""
