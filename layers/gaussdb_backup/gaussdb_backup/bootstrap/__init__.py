"""The composition root: the only place that chooses implementations. One module for each function.

Each function imports its own module and so nothing of another function's.
"""
