"""Use-cases: one operation, one function, one file, named by its verb."""
