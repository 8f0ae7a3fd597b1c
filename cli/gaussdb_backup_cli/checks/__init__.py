"""The checks of a deployed stack, by theme: each is a function that returns results, and none prints."""
