"""Files with plans: read, checked, compared with the schedules of a stack, and applied."""
