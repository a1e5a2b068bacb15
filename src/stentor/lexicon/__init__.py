"""Pronunciation dictionaries: rules that say how words are spoken, kept in immutable versions."""
