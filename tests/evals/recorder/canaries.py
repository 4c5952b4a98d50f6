"""Secrets sown into a recorded incident: one hundred, of every kind that one finds in real clusters."""

import base64
import json
import random
import re
import string
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from evals.recordings import Recording
from tests.agent.analysis.shapes import NAMESPACE
from tools.documents import JsonObject

Sow = Callable[["Field", str], None]


@dataclass
class Field:
    """A recording that is being sown, and what must not be found in the harvest."""

    recording: Recording
    secrets: list[str]

    def log(self, line: str) -> None:
        """Add a line to the log of `cart`."""
        name = f"{NAMESPACE}/cart-1-x7k2p/app"
        self.recording = replace(
            self.recording, logs={**self.recording.logs, name: self.recording.logs[name] + line + "\n"}
        )

    def add(self, item: JsonObject) -> None:
        """Add an object."""
        self.recording = replace(self.recording, items=(*self.recording.items, item))

    def made(self, kind: str, **fields: object) -> None:
        """Add an object of the namespace with a name of its own."""
        metadata = {"name": f"{kind.lower()}-{len(self.recording.items)}", "namespace": NAMESPACE}
        given = dict(fields)
        metadata |= given.pop("metadata", {})
        self.add({"apiVersion": "v1", "kind": kind, "metadata": metadata, **given})


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def found_in(text: str, secret: str) -> bool:
    """Whether any form in which the secret is sown stands in the text: its telling part, or its base64."""
    telling = max(re.findall(r"[A-Za-z0-9]+", secret), key=len)
    forms = (telling, encoded(secret), encoded(f"svc:{secret}"), encoded(f"password: {secret}"))
    return any(form in text for form in forms)


def _env(name: str) -> Sow:
    def sow(field: Field, secret: str) -> None:
        container = {"name": "app", "image": "x", "env": [{"name": name, "value": secret}]}
        field.made("Pod", spec={"containers": [container]}, status={"phase": "Running"})

    return sow


def _logged(template: str) -> Sow:
    return lambda field, secret: field.log(template.format(secret=secret, encoded=encoded(f"svc:{secret}")))


def _annotated(name: str, template: str = "{secret}") -> Sow:
    return lambda field, secret: field.made(
        "ConfigMap", metadata={"annotations": {name: template.format(secret=secret)}}, data={}
    )


def _configured(key: str, template: str) -> Sow:
    return lambda field, secret: field.made(
        "ConfigMap", data={key: template.format(secret=secret, encoded=encoded(f"password: {secret}\n"[:-1]))}
    )


def _declared(field: Field, secret: str) -> None:
    text = f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\nstringData:\n  anything: {secret}\n"
    field.recording = replace(field.recording, manifests={**field.recording.manifests, f"app-{secret}"[:8]: text})


def _declared_env(field: Field, secret: str) -> None:
    container = f"{{name: app, image: x, env: [{{name: REDIS_PASSWORD, value: {secret}}}]}}"
    text = (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: s}\n"
        f"spec: {{template: {{spec: {{containers: [{container}]}}}}}}\n"
    )
    field.recording = replace(field.recording, manifests={**field.recording.manifests, f"env-{secret}"[:9]: text})


def _kept(field: Field, secret: str) -> None:
    field.made("Secret", type="Opaque", data={"anything": encoded(secret)}, stringData={"other": secret})


def _alerted(field: Field, secret: str) -> None:
    (first, *_) = field.recording.active_alerts
    alert = {**first, "fingerprint": secret[:3], "annotations": {"summary": f"GET /?api_key={secret} fails"}}
    field.recording = replace(field.recording, active_alerts=(*field.recording.active_alerts, alert))


def _measured(field: Field, secret: str) -> None:
    labels = f'namespace="{NAMESPACE}",service="cart",url="http://u:{secret}@db/x"'
    line = f"up_probe{{{labels}}} 1 {datetime.now(UTC).timestamp()}\n"
    metrics = field.recording.metrics.removesuffix("# EOF\n") + line + "# EOF\n"
    field.recording = replace(field.recording, metrics=metrics)


def _happened(field: Field, secret: str) -> None:
    about = {"kind": "Pod", "name": "cart-1-x7k2p", "namespace": NAMESPACE}
    field.made("Event", involvedObject=about, reason="Failed", message=f"cannot log in with password={secret}")


def _last_applied(field: Field, secret: str) -> None:
    applied = json.dumps({"kind": "Secret", "stringData": {"plain": secret}})
    field.made("ConfigMap", metadata={"annotations": {"kubectl.kubernetes.io/last-applied-configuration": applied}})


ALPHABET = string.ascii_letters + string.digits


def _letters(dice: random.Random, count: int, alphabet: str = ALPHABET) -> str:
    return "".join(dice.choices(alphabet, k=count))


def _plain(dice: random.Random) -> str:
    return _letters(dice, 14) + "7q"


def _jwt(dice: random.Random) -> str:
    return f"eyJ{_letters(dice, 20)}.eyJ{_letters(dice, 40)}.{_letters(dice, 43)}"


def _shaped(prefix: str, count: int, alphabet: str = ALPHABET) -> Callable[[random.Random], str]:
    return lambda dice: prefix + _letters(dice, count, alphabet)


def _pem(dice: random.Random) -> str:
    return f"-----BEGIN RSA PRIVATE KEY-----\\n{_letters(dice, 64)}\\n-----END RSA PRIVATE KEY-----"


KINDS: tuple[tuple[Sow, Callable[[random.Random], str]], ...] = (
    (_env("DB_PASSWORD"), _plain),
    (_env("STRIPE_API_KEY"), _plain),
    (_env("SESSION_SECRET"), _plain),
    (_env("DATABASE_URL"), lambda dice: f"postgres://shop:{_plain(dice)}@db:5432/shop"),
    (_env("GREETING"), _jwt),
    (_kept, _plain),
    (_declared, _plain),
    (_declared_env, _plain),
    (_last_applied, _plain),
    (_alerted, _plain),
    (_measured, _plain),
    (_happened, _plain),
    (_annotated("example.io/token"), _plain),
    (_annotated("example.io/webhook", "https://hooks.slack.com/services/T000/B000/{secret}"), _plain),
    (_annotated("example.io/note"), _shaped("ghp_", 36)),
    (_configured("application.properties", "user=shop\nspring.datasource.password={secret}\n"), _plain),
    (_configured("values.yaml", "redis:\n  auth:\n    password: '{secret}'\n"), _plain),
    (_configured("settings.json", '{{"clientSecret": "{secret}", "retries": 3}}'), _plain),
    (_configured("bundle.b64", "payload {encoded}"), _plain),
    (_configured("key.pem", "{secret}"), _pem),
    (_logged("connecting to amqp://guest:{secret}@rabbitmq:5672/"), _plain),
    (_logged("GET /callback?access_token={secret}&state=1 200"), _plain),
    (_logged("Authorization: Bearer {secret}"), _jwt),
    (_logged("authorization: Basic {encoded}"), _plain),
    (_logged("sent {encoded} upstream"), _plain),
    (_logged("Set-Cookie: sid={secret}; HttpOnly"), _plain),
    (_logged('{{"level":"info","password":"{secret}"}}'), _plain),
    (_logged("mysql -ushop --password={secret} -h db"), _plain),
    (_logged("using key {secret}"), _shaped("AKIA", 16, string.ascii_uppercase + string.digits)),
    (_logged("openai says no to {secret}"), _shaped("sk-", 40)),
    (_logged("X-Vault-Token: {secret}"), _shaped("hvs.", 30)),
    (_logged("cloning https://{secret}@git.example/x.git"), _shaped("glpat-", 20)),
    (_logged("jdbc:mysql://db/shop?user=shop&password={secret}"), _plain),
    (_logged("user:{secret}@tcp(db:3306)/shop"), _plain),
)


def sown(recording: Recording, count: int = 100, seed: int = 20) -> Field:
    """The recording with `count` secrets in it, each kind in turn."""
    dice = random.Random(seed)  # noqa: S311 - reproducible, and no secret
    field = Field(recording, [])
    for number in range(count):
        sow, make = KINDS[number % len(KINDS)]
        secret = make(dice)
        field.secrets.append(secret)
        sow(field, secret)
    return field
