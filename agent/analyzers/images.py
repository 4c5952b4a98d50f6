"""Images that cannot be pulled: name, registry, or credentials.

The kubelet and containerd say it in words that differ by registry; what the words leave open the pod's secrets and its
neighbours' images decide.
"""

import re
from collections.abc import Iterator

from agent.analyzers.suspicion import LIKELY, POSSIBLE, PROVEN, STRONG, Suspicion
from agent.cluster.index import names
from agent.cluster.pods import Pod
from agent.looks import Sighting, Statement, states
from agent.situation import Ailing, Situation, reference

PULLING = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"}
)
WORDS = (
    ("rate_limited", re.compile(r"toomanyrequests|too many requests|pull rate limit|: 429\b", re.IGNORECASE)),
    (
        "image_registry_dns_failure",
        re.compile(r"no such host|server misbehaving|name resolution|lookup \S+ on ", re.IGNORECASE),
    ),
    (
        "incorrect_image_reference",
        re.compile(
            r"/manifests/\S+: 40[34]|manifest unknown|NotFound|: not found|"
            r"invalid reference format|couldn't parse image",
            re.IGNORECASE,
        ),
    ),
    (
        "missing_image_pull_secret",
        re.compile(
            r"failed to authorize|unauthorized|authentication required|no basic auth|denied|40[13]\b", re.IGNORECASE
        ),
    ),
)
"""Earlier wins: a failed look-up also fails to authorize; a 403 on the manifest is a mirror without the image."""
END = 500
"""Characters of a message's end that are cited."""
PUBLIC = re.compile(
    r"^(?:docker\.io|index\.docker\.io|ghcr\.io|quay\.io|gcr\.io|registry\.k8s\.io|public\.ecr\.aws|mcr\.microsoft\.com|"
    r"registry\.gitlab\.com|[a-z0-9-]+\.gcr\.io|[a-z0-9-]+-docker\.pkg\.dev)$"
)
TITLES = {
    "rate_limited": "the registry refuses more pulls for now",
    "image_registry_dns_failure": "its registry's name does not resolve",
    "incorrect_image_reference": "the registry does not have it",
    "missing_image_pull_secret": "the registry refuses the pull",
}


def failed_pulls(situation: Situation) -> Iterator[Suspicion]:
    """Why containers of ailing workloads wait for their image."""
    for ailing in situation.ailing:
        for pod in ailing.sick:
            found = _explained(situation, ailing, pod)
            if found:
                yield found
                break


def _explained(situation: Situation, ailing: Ailing, pod: Pod) -> Suspicion | None:
    waiting = next((item for item in pod.statuses if item.state.waiting and item.state.waiting.reason in PULLING), None)
    if waiting is None or waiting.state.waiting is None:
        return None
    image = next(
        (item.image for item in (*pod.spec.containers, *pod.spec.init_containers) if item.name == waiting.name), ""
    )
    said = _said(situation, pod, image, waiting.state.waiting.message)
    spoken = next((cause for cause, words in WORDS if said and words.search(str(said.value))), None)
    reason = situation.objects.sees(f"{pod} {waiting.name} waiting", waiting.state.waiting.reason)
    pulled = situation.objects.sees(f"{pod} {waiting.name} image", image)
    statements = [states(f"{pod} waits with {reason.value} for image {pulled.value}", reason, pulled)]
    lacking = _lacking_secret(situation, pod)
    if spoken is None:
        cause, confidence = _guess(situation, ailing, image, lacking is not None)
    else:
        cause, confidence = spoken, PROVEN
    if said and spoken:
        statements.append(states(f"the image cannot be pulled, {TITLES[cause]}: {said.value}", said))
    if lacking and cause == "missing_image_pull_secret":
        statements.append(lacking)
    return Suspicion(cause, reference(ailing.workload), confidence, tuple(statements))


def _said(situation: Situation, pod: Pod, image: str, message: str) -> Sighting | None:
    """The most telling words about this image: the container's state, else the pod's latest event that says more."""
    if any(words.search(message) for _, words in WORDS):
        return situation.objects.sees(f"{pod} message", _tail(message))
    events = [
        event
        for event in situation.cluster.events_of(pod)
        if image in event.message and any(words.search(event.message) for _, words in WORDS)
    ]
    return situation.events.sees(f"{pod} {events[-1].reason}", _tail(events[-1].message)) if events else None


def _tail(message: str) -> str:
    """The end of a message: wrappers come first, the reason last."""
    return message if len(message) <= END else f"…{message[-END:].partition(' ')[2]}"


def _lacking_secret(situation: Situation, pod: Pod) -> Statement | None:
    """A pull secret that the pod names and that does not exist; nothing where Secrets may not be seen."""
    if "Secret" not in situation.cluster.kinds:
        return None
    known = names(situation.cluster.secrets, pod.namespace)
    for item in pod.spec.image_pull_secrets:
        if item.name and item.name not in known:
            seen = situation.objects.sees(f"{pod} imagePullSecrets", item.name)
            return states(f"{pod} names pull secret {item.name}, which does not exist", seen)
    return None


def _guess(situation: Situation, ailing: Ailing, image: str, lacks_secret: bool) -> tuple[str, float]:
    """What is most likely where only the back-off is known: from the secrets, and from where the neighbours pull."""
    if lacks_secret:
        return "missing_image_pull_secret", STRONG
    host = registry(image)
    neighbours = {
        registry(container.image)
        for workload in situation.workloads
        if workload is not ailing.workload
        for container in workload.template.containers
    }
    if host in neighbours or host == "docker.io":
        return "incorrect_image_reference", LIKELY
    if PUBLIC.match(host):
        return "missing_image_pull_secret", POSSIBLE
    return "image_registry_dns_failure", POSSIBLE


def registry(image: str) -> str:
    """The registry of an image reference; `docker.io` where none is written."""
    first, slash, _ = image.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else "docker.io"
