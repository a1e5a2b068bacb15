"""From what a caller wrote, in whatever notation, to plain text and what the notation asked for."""
