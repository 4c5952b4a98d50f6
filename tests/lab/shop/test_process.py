import asyncio
import json
import signal
import ssl
import sys
from pathlib import Path

import httpx
import yaml

from lab.shop.addresses import Addresses


async def watch_to_the_end(at: Addresses) -> int:
    """Watch the pods until the server ends the stream; how many events came."""
    kubeconfig = Path(at.kubeconfig)
    token = yaml.safe_load(kubeconfig.read_text())["users"][0]["user"]["token"]
    context = ssl.create_default_context(cafile=kubeconfig.with_name("apiserver.crt"))
    url = f"{at.kubernetes}/api/v1/namespaces/shop/pods"
    headers = {"authorization": f"Bearer {token}"}
    async with (
        httpx.AsyncClient(verify=context, trust_env=False) as client,
        client.stream("GET", url, params={"watch": "true"}, headers=headers) as answer,
    ):
        return len([line async for line in answer.aiter_lines()])


async def test_the_shop_runs_as_a_process_until_it_is_told_to_stop(tmp_path: Path):
    """One JSON line when ready, time that passes by itself, a clean end on SIGTERM even with a watch open."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "lab.shop",
        "--data-dir",
        str(tmp_path / "shop"),
        "--seed",
        "5",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout
        line = await asyncio.wait_for(process.stdout.readline(), 30)
        at = Addresses.model_validate_json(line)
        assert set(json.loads(line)) == set(Addresses.model_fields)
        assert at.pid == process.pid
        assert Path(at.kubeconfig).stat().st_mode & 0o077 == 0
        async with httpx.AsyncClient(trust_env=False) as client:
            first = (await client.get(f"{at.control}/state")).json()["time"]
            await asyncio.sleep(1)
            assert (await client.get(f"{at.control}/state")).json()["time"] > first
            assert (await client.get(f"{at.control}/healthz")).json() == {"status": "ok"}
        watching = asyncio.create_task(watch_to_the_end(at))
        await asyncio.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        _, errors = await asyncio.wait_for(process.communicate(), 10)
        assert (process.returncode, errors) == (0, b"")
        assert await watching >= 18
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
