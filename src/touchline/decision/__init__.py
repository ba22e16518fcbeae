"""What may be said to whom next, and why not: policies, arbitration, explanation."""

from touchline.decision.deciding import decide, proposals, tables
from touchline.decision.explaining import Explanation, explain
from touchline.decision.plan import Plan, compile_plan
from touchline.decision.summary import Summary, summarise

__all__ = ["Explanation", "Plan", "Summary", "compile_plan", "decide", "explain", "proposals", "summarise", "tables"]
