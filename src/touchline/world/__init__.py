"""The synthetic companies, with known truth: so far the retail base of the demonstration."""
