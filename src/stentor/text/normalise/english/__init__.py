"""How English reads what is found by the rules in `data/en`."""
