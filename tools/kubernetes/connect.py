"""From a kubeconfig to a client under our HTTP policy.

lightkube reads kubeconfigs, credentials (tokens, client certificates, exec plugins, service accounts) and certificate
authorities; requests go through `tools.http`, so that deadlines, size caps, redaction and errors are those of every
other system. lightkube's own client decodes answers without a size cap, into types that drop fields it does not know.
"""

import binascii
import ssl
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING, cast

import httpx
import yaml
from lightkube.config.client_adapter import user_auth, verify_cluster
from lightkube.config.kubeconfig import KubeConfig, SingleConfig
from lightkube.config.models import User
from lightkube.core.exceptions import ConfigError
from msgspec import ValidationError

from domain.errors import Misconfigured
from tools.artifacts import Artifacts
from tools.http import HttpPolicy, Upstream

if TYPE_CHECKING:
    import httpx2


def connect(
    kubeconfig: Path | None,
    context: str | None = None,
    *,
    artifacts: Artifacts,
    policy: HttpPolicy | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Upstream:
    """The API server of a kubeconfig's context (its current one if None), or of the cluster we run in without a file.

    Raises `Misconfigured` for a file, context or certificate that cannot be used. Servers on plain http work too.
    """
    config = _config(kubeconfig, context)
    user = config.user or User()
    try:
        auth = user_auth(user)
        tls = verify_cluster(config.cluster, user, config.abs_file, trust_env=False)
    except (ConfigError, OSError, ssl.SSLError, binascii.Error) as exc:
        raise Misconfigured(f"credentials of Kubernetes context {config.context_name!r}: {exc}") from exc
    return Upstream(
        "kubernetes",
        config.cluster.server,
        artifacts=artifacts,
        auth=_Credentials(auth) if auth else None,
        tls=tls,
        policy=policy,
        transport=transport,
    )


def _config(kubeconfig: Path | None, context: str | None) -> SingleConfig:
    source = f"kubeconfig {kubeconfig}" if kubeconfig else "the service account of this pod"
    try:
        config = KubeConfig.from_file(kubeconfig) if kubeconfig else KubeConfig.from_service_account()
        return _selected(config, context, source)
    except (ConfigError, OSError, ValidationError, yaml.YAMLError) as exc:
        raise Misconfigured(f"{source}: {exc}") from exc
    except (AttributeError, KeyError, TypeError) as exc:
        raise Misconfigured(f"{source} is not a kubeconfig: {exc!r}") from exc


def _selected(config: KubeConfig, context: str | None, source: str) -> SingleConfig:
    selected = config.get(context)
    if selected is None:
        raise Misconfigured(f"{source} has no current context; name one")
    return selected


class _Credentials(httpx.Auth):
    """lightkube's credentials for httpx. They are written for httpx2, and touch what both libraries have alike."""

    def __init__(self, inner: "httpx2.Auth") -> None:
        self._inner = inner

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Set the header, and once more after a 401 for credentials that rotate."""
        flow = self._inner.async_auth_flow(cast("httpx2.Request", request))
        try:
            outgoing = await anext(flow)
            while True:
                response = yield cast("httpx.Request", outgoing)
                outgoing = await flow.asend(cast("httpx2.Response", response))
        except StopAsyncIteration:
            return
        except ConfigError as exc:
            raise Misconfigured(f"Kubernetes credentials: {exc}") from exc
        finally:
            await flow.aclose()
