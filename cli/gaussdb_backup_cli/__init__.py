"""The command line of gaussdb-backup. It talks to a deployed stack, through AWS, and never to the GaussDB API."""
