import base64
import itertools
import json
import random
import string
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from domain.redaction import REDACTED, redact, redact_object, redact_strings

ALPHANUMERIC = string.ascii_letters + string.digits
Shape = Callable[[str], str]


def word(dice: random.Random, length: int, letters: str = ALPHANUMERIC) -> str:
    return "".join(dice.choices(letters, k=length))


NAMED: tuple[Shape, ...] = (
    lambda s: f"password={s}",
    lambda s: f"level=error msg=login dbPassword={s} user=shop",
    lambda s: f'{{"password": "{s}", "user": "shop"}}',
    lambda s: f'msg="request failed" body="{{\\"client_secret\\":\\"{s}\\"}}"',
    lambda s: f"connecting with passwd: '{s}' to db",
    lambda s: f"export AWS_SECRET_ACCESS_KEY={s}",
    lambda s: f"DB_PASSWORD: {s}",
    lambda s: f"spring.datasource.password={s}",
    lambda s: f"X-Api-Key: {s}",
    lambda s: f"Authorization: Bearer {s}",
    lambda s: f'"authorization": ["Bearer {s}"]',
    lambda s: f"> Proxy-Authorization: Basic {base64.b64encode(s.encode()).decode()}",
    lambda s: f"GET /login?token={s}&next=/home 200",
    lambda s: f"GET /callback?state=1&access_token%3D{s} 200",
    lambda s: f"postgres://shop:{s}@db:5432/orders",
    lambda s: f"amqp://:{s}@rabbit/",
    lambda s: f"jdbc:postgresql://db/orders?user=shop&password={s}",
    lambda s: f"shop:{s}@tcp(db:3306)/orders",
    lambda s: f"Server=db;Database=orders;User Id=shop;Password={s};Encrypt=true",
    lambda s: f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={s}==;EndpointSuffix=core",
    lambda s: f"curl -u admin:{s} https://api.test",
    lambda s: f"psql --password {s} --host db",
    lambda s: f"tool --api-key={s}",
    lambda s: f"<password>{s}</password>",
    lambda s: f"machine api.test login bot password {s}",
    lambda s: f"CREATE USER shop IDENTIFIED BY '{s}'",
    lambda s: f"Set-Cookie: session={s}; HttpOnly",
    lambda s: f"cookie: a=1; sid={s}",
    lambda s: f"- name: REDIS_PASSWORD\n  value: {s}",
    lambda s: f"+        - name: API_TOKEN\n+          value: \"{s}\"",
    lambda s: f'{{"name":"STRIPE_SECRET_KEY","value":"{s}"}}',
    lambda s: f"token: |\n  {s}\nnext: 1",
    lambda s: f"{{'api_key': '{s}'}}",
    lambda s: f"config := &Config{{Password:{s} Port:5432}}",
    lambda s: f":password=>\"{s}\"",
    lambda s: f"https://bucket.s3.test/a?X-Amz-Signature={s}",
    lambda s: f"encryptionKey = {s}",
    lambda s: f"connecting https://{s}{s}@git.test/repo.git",
    lambda s: f"session_id={s}",
    lambda s: f"    client-key-data: {s}",
)  # fmt: skip
SHAPED: tuple[Callable[[random.Random], str], ...] = (
    lambda d: "AKIA" + word(d, 16, string.ascii_uppercase + string.digits),
    lambda d: "ghp_" + word(d, 36),
    lambda d: "github_pat_" + word(d, 60),
    lambda d: "glpat-" + word(d, 20),
    lambda d: "xoxb-" + word(d, 24),
    lambda d: "AIza" + word(d, 35),
    lambda d: "sk-proj-" + word(d, 40),
    lambda d: "sk_live_" + word(d, 24),
    lambda d: "hvs." + word(d, 24),
    lambda d: "npm_" + word(d, 36),
    lambda d: "dckr_pat_" + word(d, 27),
    lambda d: "glsa_" + word(d, 32),
    lambda d: f"SG.{word(d, 22)}.{word(d, 43)}",
    lambda d: f"https://hooks.slack.com/services/T0/B0/{word(d, 24)}",
    lambda d: f"eyJhbGciOiJSUzI1NiJ9.{word(d, 40)}.{word(d, 40)}",
    lambda d: f"-----BEGIN RSA PRIVATE KEY-----\n{word(d, 64)}\n{word(d, 64)}\n-----END RSA PRIVATE KEY-----",
    lambda d: f"-----BEGIN OPENSSH PRIVATE KEY-----\\n{word(d, 64)}",
    lambda d: "$2b$12$" + word(d, 53),
)  # fmt: skip


def canaries() -> list[tuple[str, str]]:
    """A text and the secret in it, over a hundred of them."""
    dice = random.Random(20261121)  # noqa: S311
    named = [(shape(secret), secret) for shape in NAMED for secret in (word(dice, 12), word(dice, 24), word(dice, 8))]
    shaped = [(f"key {secret} used", secret) for make in SHAPED for secret in (make(dice), make(dice))]
    return named + shaped


@pytest.mark.parametrize(("text", "secret"), canaries(), ids=itertools.count())
def test_no_canary_is_left(text: str, secret: str):
    """Of over a hundred seeded secrets in as many surroundings, not one is left, alone or inside a log in JSON."""
    core = max(secret.replace("\\n", "\n").split("\n"), key=len)
    assert core not in redact(text)
    assert core not in json.dumps(redact_object({"log": [text]}))
    assert core not in redact(json.dumps({"line": text}))


@pytest.mark.parametrize(
    "text",
    [
        'MountVolume.SetUp failed for volume "tls" : secret "checkout-tls" not found',
        "couldn't find key password in Secret shop/checkout-db",
        "secretName: checkout-db",
        "automountServiceAccountToken: false",
        'Error: secret "checkout-db" not found',
        "level=error service=checkout code=503 trace_id=4bf92f3577b34da6a3ce929d0e0e4736 took=12ms",
        'Failed to pull image "registry.test:5000/shop/checkout:1.2.3": not found',
        "http://inventory.shop.svc:8080/items?page=2",
        "max_tokens=4096 total_tokens: 12",
        "password: null",
        "401: missing bearer token, Basic authentication is not enabled",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "git@github.com:shop/checkout.git at 07c9a0fe401d06ba3d1763444fa6d6824c1fdb58",
        "pod checkout-7f9c6d5b8-abcde was OOMKilled: bypass=off compass=north",
        "secret:\n  secretName: checkout-tls",
    ],
)
def test_what_a_triage_needs_stays(text: str):
    """Names of secrets, trace ids, digests, images and addresses are what an incident is about."""
    assert redact(text) == text


@given(st.text() | st.from_regex(r"(password|token|auth)[=: ]+[\"'\[\\{|]{0,3}\w*[\"'\]\\}]{0,3}\s*\w*"))
def test_redacting_twice_changes_nothing_more(text: str):
    """Any text comes through, and comes through a second time as it is."""
    once = redact(text)
    assert redact(once) == once


FRAGMENTS = (
    *("pass", "word", "pw", "pwd", "sig", "nature", "key", "secret", "token", "auth", "orization", "credential"),
    *("session", "_id", "shared_access_", "subscription-", "decryption.", "by", "proxy-", "x-amz-", "max_", "S", "Key"),
    *("=", ": ", ":=", "=>", "%3d", '"', "'", '\\"', "\\", "|", "\n", " ", "{", "[", ",", "&", "a1b2c3", "null", "2"),
)


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=24).map("".join))
def test_where_names_may_begin_is_everywhere_they_do(text: str):
    """A letter that is two in lower case has every place tried; without it the same secrets must go."""
    assert redact(f"İ {text}") == f"İ {redact(text)}"


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=30),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.sampled_from(["kind", "data", "password", "name", "value", "items", "x"]), inner)
        ),
        max_leaves=20,
    )
)
def test_redacting_json_twice_changes_nothing_more(value: JsonValue):
    """Any JSON comes through with its shape, and comes through a second time as it is."""
    once = redact_object(value)
    assert redact_object(once) == once
    assert type(once) is type(value) or once == REDACTED


def test_secrets_keep_their_keys_only():
    """The data of a Secret goes, in a list too; that a key is there or not is what a triage asks."""
    secret = {"kind": "Secret", "metadata": {"name": "db"}, "data": {"user": "c2hvcA=="}, "stringData": {"a": "b"}}
    assert redact_object(secret) == {
        "kind": "Secret",
        "metadata": {"name": "db"},
        "data": {"user": REDACTED},
        "stringData": {"a": REDACTED},
    }
    items = redact_object({"kind": "SecretList", "items": [{"data": {"user": "c2hvcA=="}}]})
    assert items == {"kind": "SecretList", "items": [{"data": {"user": REDACTED}}]}


def test_environment_variables_go_by_name():
    """A value beside a secret's name goes; references and other variables stay."""
    env = [
        {"name": "DB_PASSWORD", "value": "plain"},
        {"name": "DB_HOST", "value": "db"},
        {"name": "API_TOKEN", "valueFrom": {"secretKeyRef": {"name": "api", "key": "token"}}},
    ]
    assert redact_object(env) == [{"name": "DB_PASSWORD", "value": REDACTED}, env[1], env[2]]


def test_attributes_of_spans_go_by_name():
    """OTLP's attributes are names beside typed values."""
    attribute = {"key": "db.password", "value": {"stringValue": "plain"}}
    assert redact_object(attribute) == {"key": "db.password", "value": {"stringValue": REDACTED}}


def test_copies_of_an_object_in_its_annotations_go():
    """`kubectl apply` keeps the whole manifest, Secrets included, in an annotation."""
    name = "kubectl.kubernetes.io/last-applied-configuration"
    assert redact_object({name: '{"data":{"user":"c2hvcA=="}}'}) == {name: REDACTED}


def test_json_in_a_string_is_redacted_as_json():
    """A ConfigMap may hold a document with a Secret's manifest; without secrets it stays as it was written."""
    text = redact_object({"app.json": '{"kind": "Secret", "data": {"user": "c2hvcA=="}}', "x": '{"a":  1}'})
    assert text == {"app.json": '{"kind": "Secret", "data": {"user": "[redacted]"}}', "x": '{"a":  1}'}


def test_labels_named_secret_name_an_object():
    """In Prometheus' labels only the values' own shapes count."""
    labels = {"secret": "checkout-db", "error": "password=hunter2"}
    assert redact_strings(labels) == {"secret": "checkout-db", "error": "password=[redacted]"}


def test_a_megabyte_of_logs_takes_no_time_to_speak_of():
    """The patterns do not backtrack: ten times the text takes about ten times as long."""
    line = 'level=error msg="token refresh failed" service=checkout took=12ms aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n'
    assert redact(line * 5_000) == line * 5_000


def test_nesting_has_an_end():
    """JSON nested deeper than anything real is cut, not recursed into."""
    value: JsonValue = "x"
    for _ in range(5_000):
        value = [value]
    assert REDACTED in json.dumps(redact_object(value))
