"""The state of each customer, folded from the ledger: one law for late rows, refresh, links and any instant."""
