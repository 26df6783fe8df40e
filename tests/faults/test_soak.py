"""A short random run of everything at once; `make soak` is the long one."""

from __future__ import annotations

import pytest

from tests.soak.soak import soak

SEED = 20


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_nothing_is_lost_or_left_in_a_short_random_run() -> None:
    report = soak(SEED, kills=10_000, seconds=40)
    assert not report.violation, str(report)
    done, undone = report.model.total("done"), report.model.total("refused", "failed")
    assert report.kills > 0, str(report)
    assert done > undone, str(report)
