"""Commands for the person who operates or develops the application."""
