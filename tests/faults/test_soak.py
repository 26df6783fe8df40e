"""A short random run of everything at once; `make soak` is the long one."""

from __future__ import annotations

from random import Random

import pytest

from tests.soak.model import NAMES, WEIGHTS, Model
from tests.soak.soak import soak

SEED = 20


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_nothing_is_lost_or_left_in_a_short_random_run() -> None:
    report = soak(SEED, kills=10_000, seconds=20)
    assert not report.violation, str(report)
    assert report.kills > 0, str(report)
    assert report.model.is_mostly_done, str(report)


def test_a_seed_gives_the_same_course_again_and_every_act_has_its_turn() -> None:
    one, other = Model(Random(SEED)), Model(Random(SEED))
    courses = [[model.round(NAMES[:4], NAMES[:2]) for _ in range(300)] for model in (one, other)]
    assert courses[0] == courses[1]
    assert {act.kind for hands in courses[0] for hand in hands for act in hand} == set(WEIGHTS)
