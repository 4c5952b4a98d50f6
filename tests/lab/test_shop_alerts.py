import subprocess
from pathlib import Path

import pytest

from lab.parts import part


@pytest.mark.servers
def test_the_shop_s_alert_rules_fire_on_what_they_are_for() -> None:
    """`promtool` runs the rules over made-up series: healthy is silent, each failure fires with its service's name."""
    cases = Path(__file__).with_name("shop-alerts-test.yml")
    argv = [part("promtool"), "test", "rules", cases]
    run = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
