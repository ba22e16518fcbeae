"""Customers' own pages: links from messages, preferences, what is known, leaving and being erased."""
