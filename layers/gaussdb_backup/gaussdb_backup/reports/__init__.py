"""What a person reads of an audit: the page that is stored, and the table of a terminal."""
