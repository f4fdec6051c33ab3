from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests_pipeline import Shop, call
from unshelve.clock import FakeClock, SystemClock
from unshelve.errors import NotFound, StorageFull, UserCodeFailed
from unshelve.pipeline.outcome import RunEventKind, RunOutcome
from unshelve.pipeline.outputs import Context, Outputs
from unshelve.pipeline.task import Task
from unshelve.registry import runs
from unshelve.registry.runs import RunState, StepState
