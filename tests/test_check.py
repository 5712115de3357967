"""The quick check runs every step, and fails if one of them does."""

import io
import sys

import pytest

from tools import check

PASS = [sys.executable, "-c", "print('nothing to say')"]
FAIL = [sys.executable, "-c", "print('line 3 is wrong'); raise SystemExit(2)"]


@pytest.mark.parametrize("steps", [(PASS, FAIL), (FAIL, PASS)])
def test_a_failed_step_is_reported_and_the_others_still_run(steps, monkeypatch, capsys):
    monkeypatch.setattr(check, "STEPS", dict(zip(("first", "second"), steps)))
    assert check.main([]) == 1
    output = capsys.readouterr().out
    assert output.count("passed") == output.count("FAILED") == 1
    assert "line 3 is wrong" in output and "nothing to say" not in output


def test_a_pipe_with_another_encoding_gets_the_report(monkeypatch):
    code = r"print('\u03b2 ≥ 0'); raise SystemExit(1)"
    step = [sys.executable, "-X", "utf8", "-c", code]
    monkeypatch.setattr(check, "STEPS", {"first": step})
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "cp1252"))
    assert check.main([]) == 1
    sys.stdout.seek(0)
    assert "? ? 0" in sys.stdout.read()


def test_the_check_succeeds_if_all_steps_pass(monkeypatch, capsys):
    monkeypatch.setattr(check, "STEPS", {"first": PASS, "second": PASS})
    assert check.main([]) == 0
    assert capsys.readouterr().out.count("passed") == 2


def test_arguments_are_refused_instead_of_ignored(monkeypatch):
    monkeypatch.setattr(check, "STEPS", {"first": PASS})
    with pytest.raises(SystemExit, match="course.py test FILE"):
        check.main(["tests/test_models.py"])
