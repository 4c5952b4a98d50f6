"""A shop under test: its state, its clock, and clients for its APIs."""

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import yaml
from lightkube import AsyncClient, KubeConfig
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from lab.shop.addresses import Addresses, Ports
from lab.shop.server import serving
from lab.shop.shop import Shop

START = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)
OPENMETRICS = {"accept": "application/openmetrics-text; version=1.0.0"}


@dataclass
class ShopLab:
    """A served shop whose clock only the test moves."""

    shop: Shop
    at: Addresses
    client: httpx.AsyncClient

    def step(self, seconds: float) -> None:
        """Let the shop live for a while."""
        self.shop.step(seconds)

    def lightkube(self, context: str) -> AsyncClient:
        """A client as one of the kubeconfig's contexts, to be used in an `async with`."""
        config = KubeConfig.from_file(self.at.kubeconfig)
        return AsyncClient(config=config.get(context_name=context), trust_env=False)

    def token(self, user: str) -> str:
        """The Kubernetes token of `shop-read` or `shop-write`."""
        config = yaml.safe_load(Path(self.at.kubeconfig).read_text())
        return next(entry["user"]["token"] for entry in config["users"] if entry["name"] == user)

    async def kubernetes(self, method: str, path: str, user: str = "shop-write", **options) -> httpx.Response:
        """A raw request to the Kubernetes API."""
        headers = {"authorization": f"Bearer {self.token(user)}", **options.pop("headers", {})}
        context = ssl.create_default_context(cafile=Path(self.at.kubeconfig).with_name("apiserver.crt"))
        async with httpx.AsyncClient(verify=context, trust_env=False) as client:
            return await client.request(method, self.at.kubernetes + path, headers=headers, **options)

    async def patch(self, path: str, patch, kind: str = "strategic-merge-patch", **params: str) -> httpx.Response:
        """A PATCH by the writer."""
        headers = {"content-type": f"application/{kind}+json"}
        return await self.kubernetes("PATCH", path, json=patch, headers=headers, params=params)

    async def deployment(self, name: str) -> dict:
        """A Deployment as JSON."""
        answer = await self.kubernetes("GET", deployment_path(name))
        return answer.raise_for_status().json()

    async def argocd(self, method: str, path: str, *, write: bool = False, **options) -> httpx.Response:
        """A request to Argo CD's API below `/api/v1/applications`."""
        token = self.at.argocd_write_token if write else self.at.argocd_read_token
        headers = {"authorization": f"Bearer {token}"}
        return await self.client.request(
            method, f"{self.at.argocd}/api/v1/applications{path}", headers=headers, **options
        )

    async def application(self, name: str) -> dict:
        """An application as JSON."""
        return (await self.argocd("GET", f"/{name}")).raise_for_status().json()

    async def search(self, query: str, **params: str | int) -> list[dict]:
        """The traces a TraceQL query finds."""
        answer = await self.client.get(f"{self.at.tempo}/api/search", params={"q": query, **params})
        return answer.raise_for_status().json()["traces"]

    async def samples(self) -> list[Sample]:
        """One scrape."""
        answer = await self.client.get(f"{self.at.metrics}/metrics", headers=OPENMETRICS)
        families = text_string_to_metric_families(answer.raise_for_status().text)
        return [sample for family in families for sample in family.samples]

    async def value(self, name: str, **labels: str) -> float:
        """The sum of a metric over the series with these labels."""
        return sum(
            sample.value
            for sample in await self.samples()
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    async def error_ratio(self, service: str, seconds: float = 10) -> float:
        """The share of a service's requests that fail in the next `seconds`; no pod may be replaced in them."""
        before = await self._codes(service)
        self.step(seconds)
        after = await self._codes(service)
        failed = sum(after[code] - before.get(code, 0) for code in after if code >= "500")
        return failed / max(1, sum(after.values()) - sum(before.values()))

    async def latency(self, service: str, quantile: float = 0.95, seconds: float = 10) -> float:
        """The bucket bound below which `quantile` of a service's requests of the next `seconds` stay."""
        before = await self._buckets(service)
        self.step(seconds)
        after = await self._buckets(service)
        total = after["+Inf"] - before["+Inf"]
        within = (bound for bound in after if after[bound] - before[bound] >= quantile * total)
        return min(float(bound) for bound in within)

    async def _codes(self, service: str) -> dict[str, float]:
        found: dict[str, float] = {}
        for sample in await self.samples():
            if sample.name == "http_requests_total" and sample.labels["service"] == service:
                code = sample.labels["code"]
                found[code] = found.get(code, 0) + sample.value
        return found

    async def _buckets(self, service: str) -> dict[str, float]:
        name = "http_request_duration_seconds_bucket"
        return {
            sample.labels["le"]: sample.value
            for sample in await self.samples()
            if sample.name == name and sample.labels["service"] == service
        }

    async def fail(self, failure: str, service: str) -> None:
        """Switch a failure on."""
        answer = await self.client.post(f"{self.at.control}/failures/{failure}", json={"service": service})
        answer.raise_for_status()

    async def heal(self) -> None:
        """Switch all failures off."""
        (await self.client.delete(f"{self.at.control}/failures")).raise_for_status()

    async def writes(self) -> list[dict]:
        """The write log."""
        return (await self.client.get(f"{self.at.control}/writes")).raise_for_status().json()

    async def roll_back(self, application: str) -> None:
        """Roll an application back to the deployment before the last, through Argo CD, and wait for the rollout."""
        entry = (await self.application(application))["status"]["history"][-2]
        answer = await self.argocd("POST", f"/{application}/rollback", write=True, json={"id": entry["id"]})
        answer.raise_for_status()
        self.step(12)

    async def restart(self, name: str) -> None:
        """`kubectl rollout restart` of a Deployment, and wait for the rollout."""
        stamp = self.shop.clock.now().isoformat()
        annotations = {"kubectl.kubernetes.io/restartedAt": stamp}
        patch = {"spec": {"template": {"metadata": {"annotations": annotations}}}}
        (await self.patch(deployment_path(name), patch)).raise_for_status()
        self.step(12)

    async def scale(self, name: str, replicas: int) -> None:
        """`kubectl scale` of a Deployment, and wait for the pods."""
        path = f"{deployment_path(name)}/scale"
        (await self.patch(path, {"spec": {"replicas": replicas}}, "merge-patch")).raise_for_status()
        self.step(6)

    async def undo(self, name: str) -> None:
        """`kubectl rollout undo` of a Deployment, and wait for the rollout."""
        sets = (await self.kubernetes("GET", "/apis/apps/v1/namespaces/shop/replicasets")).json()["items"]
        own = [each for each in sets if each["metadata"]["ownerReferences"][0]["name"] == name]
        own.sort(key=lambda each: int(each["metadata"]["annotations"]["deployment.kubernetes.io/revision"]))
        template = own[-2]["spec"]["template"]
        del template["metadata"]["labels"]["pod-template-hash"]
        patch = [{"op": "replace", "path": "/spec/template", "value": template}]
        (await self.patch(deployment_path(name), patch, "json-patch")).raise_for_status()
        self.step(12)


def deployment_path(name: str) -> str:
    """The API path of one of the shop's Deployments."""
    return f"/apis/apps/v1/namespaces/shop/deployments/{name}"


@asynccontextmanager
async def shop_lab(folder: Path) -> AsyncGenerator[ShopLab]:
    """Serve a shop that has lived for five seconds."""
    shop = Shop(seed=7, now=START)
    shop.step(5)
    async with serving(shop, folder, Ports()) as addresses, httpx.AsyncClient(trust_env=False) as client:
        yield ShopLab(shop, addresses, client)
