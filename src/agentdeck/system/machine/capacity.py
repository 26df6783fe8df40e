"""How much room this machine has for one more agent."""

from __future__ import annotations

import os


def shortage(*, max_load: float, min_free: int) -> str:
    """What the machine is short of, in words; empty when there is room.

    `max_load` is per processor, compared with the load average of the last minute; `min_free` is in bytes.
    """
    import psutil

    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    if load > max_load:
        return f"waits for the processors (load {load:.1f} each)"
    free = psutil.virtual_memory().available
    if free < min_free:
        return f"waits for memory ({free // 1_000_000} MB free)"
    return ""
