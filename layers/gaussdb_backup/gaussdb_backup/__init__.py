"""Scheduled manual backups of Huawei Cloud GaussDB(for MySQL), each created once and tracked to its end."""

__version__ = "0.1.0"
