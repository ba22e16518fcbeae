"""What may be said to whom next, and why not: policies, arbitration, explanation."""
