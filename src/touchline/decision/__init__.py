"""What may be said to whom next, and why not: policies, arbitration, explanation."""

from touchline.decision.assigning import assignments
from touchline.decision.deciding import decide
from touchline.decision.explaining import Explanation, explain
from touchline.decision.plan import Plan, compile_plan
from touchline.decision.proposing import proposals
from touchline.decision.sequence import advance, steps
from touchline.decision.summary import Summary, summarise
from touchline.decision.tables import Tables, tables

__all__ = [
    "Explanation",
    "Plan",
    "Summary",
    "Tables",
    "advance",
    "assignments",
    "compile_plan",
    "decide",
    "explain",
    "proposals",
    "steps",
    "summarise",
    "tables",
]
