"""When schedules run, and how times are written."""
