"""Scheduled manual backups of Huawei Cloud GaussDB(for MySQL), followed to their end."""
