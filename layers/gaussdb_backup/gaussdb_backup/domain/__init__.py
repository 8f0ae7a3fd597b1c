"""Rules without input or output: the standard library and pydantic only."""
