"""What became of the last runs, and what waits."""
