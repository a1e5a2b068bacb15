"""From a caller's text to segments that a voice can speak, each with its place in that text."""
