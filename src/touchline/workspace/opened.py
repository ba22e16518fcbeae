"""In: settings, and the stores that the composition root connected. Out: one open workspace. Writes no interactions itself.

The workspace holds what the verbs need and reads lazily: a command that needs no playbook does not load one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import narwhals as nw
import polars as pl

from touchline import playbook as playbooks
from touchline.decision import Plan, compile_plan
from touchline.intake import pending
from touchline.kernel.engines import Engine
from touchline.kernel.times import Clock, SystemClock
from touchline.ledger import Ledger, Snapshots
from touchline.playbook.compiled import Playbook
from touchline.recognition import people
from touchline.workspace.settings import Settings
