"""Touchline: customer experience management on one line."""
