"""How the rate rises and falls, by steps and by the clock."""

import pytest
from stateline.model.training.run.pace import COMPILED_AFTER_STEPS, Clock, schedule


def test_the_schedule_warms_up_stays_and_decays_to_nothing():
    rates = [schedule(step, 10, 100 - step, 40) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[:10] == sorted(rates[:10])
    assert rates[9:61] == [1.0] * 52
    assert rates[61:] == sorted(rates[61:], reverse=True)
    assert rates[80] == pytest.approx(0.5)
    assert rates[99] == pytest.approx(1 / 40)
    assert rates[100] == schedule(200, 10, -100, 40) == 0.0


@pytest.mark.parametrize(
    ("step", "left_s", "rate"),
    [
        (0, 540.0, 0.02),  # it warms up by steps, however long these take
        (49, 540.0, 1.0),
        (400, 243.0, 1.0),
        (401, 121.5, 0.5),
        (402, 0.0, 0.0),
        (403, -3.0, 0.0),
        (4, 24.3, 0.1),  # a run so short that it never warms up still ends at nothing
        (0, 24.3, 0.02),
    ],
)
def test_by_the_clock_the_rate_falls_with_the_seconds_left(step: int, left_s: float, rate: float):
    assert schedule(step, 50, left_s, 243.0) == pytest.approx(rate)


@pytest.mark.parametrize(("left", "rate"), [(1, 1.0), (0, 0.0)])
def test_a_run_that_never_falls_ends_all_the_same(left: int, rate: float):
    assert schedule(100, 10, left, 0) == rate


def test_the_clock_counts_from_when_all_is_compiled():
    now_s = [100.0]
    clock = Clock(now=lambda: now_s[0])
    for _ in range(COMPILED_AFTER_STEPS):
        now_s[0] += 10
        assert clock.spent_s == 0
        starts = clock.step_done()
    assert starts
    now_s[0] += 7
    assert clock.spent_s == 7
    assert not clock.step_done(), "it starts once"
    now_s[0] += 2
    assert clock.spent_s == 9


def test_a_clock_goes_on_with_what_another_process_spent():
    now_s = [5.0]
    clock = Clock(30.0, now=lambda: now_s[0])
    now_s[0] += 50
    assert clock.spent_s == 30, "compiling again is not counted either"
    for _ in range(COMPILED_AFTER_STEPS):
        clock.step_done()
    now_s[0] += 4
    assert clock.spent_s == 34
