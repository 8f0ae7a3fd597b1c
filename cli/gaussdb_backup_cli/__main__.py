"""The command `python -m gaussdb_backup_cli`."""

from gaussdb_backup_cli.main import main

if __name__ == "__main__":
    main(prog_name="gaussdb-backup")
