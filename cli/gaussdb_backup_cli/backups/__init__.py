"""The instances of a project and their backups, as the functions return them."""
