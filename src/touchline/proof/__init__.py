"""What the programmes change: each against its control, by intention to treat, with n, interval and method."""

from touchline.proof.intervals import Difference, difference, sample_ratio, wilson
from touchline.proof.proving import METHOD, Group, Proof, as_json, prove

__all__ = ["METHOD", "Difference", "Group", "Proof", "as_json", "difference", "prove", "sample_ratio", "wilson"]
