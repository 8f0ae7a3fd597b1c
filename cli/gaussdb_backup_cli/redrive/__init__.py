"""Dead-lettered messages: which there are, and how they are sent again."""
