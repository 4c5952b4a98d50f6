"""Other versions of the workflows, made of today's by one change each, for workers that come after today's."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from lab.environment import inherited

ROOT = Path(__file__).parents[2]
PATCH = "pause-before-writing"
_EXECUTE = '        self._show("executing")\n'
_DIAGNOSE = "        found = await self._look_up()\n"

REPLAY = """
import asyncio, pathlib, sys
from pydantic_ai.durable_exec.temporal import PydanticAIPlugin
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer
from agent.planner import Planner, PlannerOptions
from domain.objectives import Objectives
from domain.policy import Policy
from service.worker import WORKFLOWS
from tests.agent.planner.world import World
from workflows import planning
world = World()
planning.install(Planner(world.sources, world.knowledge, PlannerOptions(), Policy(), Objectives()))
history = WorkflowHistory.from_json("run", pathlib.Path(sys.argv[1]).read_text())
asyncio.run(Replayer(workflows=WORKFLOWS, plugins=[PydanticAIPlugin()]).replay_workflow(history))
"""


def guarded(folder: Path) -> Path:
    """A version that waits a moment before it writes, and leaves runs that are past that point alone."""
    pause = f'        if workflow.patched("{PATCH}"):\n            await workflow.sleep(0.2)\n'
    return _changed(folder, _EXECUTE, pause + _EXECUTE)


def careless(folder: Path) -> Path:
    """A version that does something new where every run has been already, without a word about the old ones."""
    return _changed(folder, _DIAGNOSE, "        await workflow.sleep(0.2)\n" + _DIAGNOSE)


def _changed(folder: Path, old: str, new: str) -> Path:
    shutil.copytree(ROOT / "workflows", folder / "workflows")
    file = folder / "workflows" / "triage.py"
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, old
    file.write_text(text.replace(old, new), encoding="utf-8")
    return folder


def environment(version: Path | None, *others: Path) -> dict[str, str]:
    """What a process needs to run that version of the workflows, or today's."""
    return {"PYTHONPATH": os.pathsep.join(str(path) for path in (version, *others) if path)}


def replays(history: Path, version: Path | None = None) -> str:
    """How the replay of a history on a version ends: empty where it holds, else the error's last line.

    A replay asks nobody anything: any planner's workflow side will do.
    """
    argv = [sys.executable, "-c", REPLAY, str(history)]
    env = inherited(environment(version, ROOT), without_prefix="TRIAGE_")
    done = subprocess.run(argv, env=env, cwd=history.parent, capture_output=True, text=True, timeout=120, check=False)
    return done.stderr.strip().splitlines()[-1] if done.returncode else ""
