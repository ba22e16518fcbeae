"""The closed catalogue of interaction kinds, and the row that each makes."""
