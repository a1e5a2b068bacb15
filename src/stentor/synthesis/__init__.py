"""The heart: a checked request becomes one finished audio file."""
