"""Puts pseudonym together; read top to bottom."""

from kit.clock import SystemClock
from kit.custody import Custody
from kit.runtime import Part, Task, run

# completed below once the kit is whole
