"""Loading a month: what every warehouse has in common."""
