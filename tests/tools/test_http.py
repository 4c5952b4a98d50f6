import asyncio
import gzip
import json
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from domain.errors import (
    MESSAGE_LIMIT,
    Misconfigured,
    UpstreamError,
    UpstreamGarbled,
    UpstreamRejected,
    UpstreamTooLarge,
    UpstreamUnavailable,
)
from tests.tools.peers import FAST, Peer
from tools.artifacts import MemoryArtifacts
from tools.http import Endpoint, HttpPolicy, Upstream

MB = 1024 * 1024
Build = Callable[..., Upstream]


def answers(*responses: httpx.Response) -> Callable[[httpx.Request], httpx.Response]:
    """The responses one after another, the last one for ever."""
    left = list(responses)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


def bytes_of(*chunks: bytes, pause: float = 0.0) -> Callable[[], AsyncIterator[bytes]]:
    async def script() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk
            await asyncio.sleep(pause)

    return script


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (httpx.Response(500, text="boom"), UpstreamUnavailable),
        (httpx.Response(503, json={"message": "overloaded"}), UpstreamUnavailable),
        (httpx.Response(429, headers={"retry-after": "1"}), UpstreamUnavailable),
        (httpx.Response(400, json={"error": "parse error"}), UpstreamRejected),
        (httpx.Response(401), UpstreamRejected),
        (httpx.Response(404, text="page not found"), UpstreamRejected),
        (httpx.Response(302, headers={"location": "https://login.test/"}), UpstreamRejected),
        (httpx.Response(200, html="<!doctype html><title>Sign in</title>"), UpstreamGarbled),
        (httpx.Response(200, content=b'{"status": "succ'), UpstreamGarbled),
        (httpx.Response(200, content=b'{"value": NaN}'), UpstreamGarbled),
        (httpx.Response(200, content=b'{"value": -Infinity}'), UpstreamGarbled),
        (httpx.Response(200, content=b""), UpstreamGarbled),
        (httpx.Response(200, content=b'"\xff\xfe\x00"'), UpstreamGarbled),
        (httpx.Response(200, content=b"[" * 100_000), UpstreamGarbled),
    ],
)
async def test_each_failure_becomes_one_error(upstream: Build, response: httpx.Response, error: type[UpstreamError]):
    """Whatever a system answers instead of its API is told by one of four errors."""
    with pytest.raises(error) as caught:
        await upstream(lambda _: response).document("/api")
    assert caught.value.system == "upstream"


@given(body=st.binary(max_size=200), status=st.sampled_from([200, 204, 301, 404, 429, 500]))
async def test_no_answer_raises_anything_else(body: bytes, status: int):
    """Any bytes with any status give JSON or an `UpstreamError`."""
    transport = httpx.MockTransport(lambda _: httpx.Response(status, content=body))
    client = Upstream("x", "http://x.test", artifacts=MemoryArtifacts(), policy=FAST, transport=transport)
    try:
        document = await client.document("/")
    except UpstreamError:
        return
    assert json.loads(document.raw) == document.value


async def test_reads_are_retried_until_the_system_is_back(upstream: Build):
    """A GET survives two 503s in a row."""
    calls: list[str] = []

    def flaky(request: httpx.Request) -> httpx.Response:
        calls.append(request.method)
        return httpx.Response(503) if len(calls) < 3 else httpx.Response(200, json={"ok": True})

    assert await upstream(flaky).get("/") == {"ok": True}
    assert len(calls) == 3


@pytest.mark.parametrize("status", [400, 403, 404])
async def test_refused_reads_are_not_retried(upstream: Build, status: int):
    """Asking again does not make a wrong request right."""
    calls: list[str] = []

    def refuse(request: httpx.Request) -> httpx.Response:
        calls.append(request.method)
        return httpx.Response(status)

    with pytest.raises(UpstreamRejected) as caught:
        await upstream(refuse).get("/")
    assert caught.value.status == status
    assert len(calls) == 1


async def test_writes_are_sent_once(upstream: Build):
    """A POST or PATCH that may have got through is not sent again by the client."""
    calls: list[str] = []

    def fail(request: httpx.Request) -> httpx.Response:
        calls.append(request.method)
        return httpx.Response(503)

    client = upstream(fail)
    with pytest.raises(UpstreamUnavailable):
        await client.post("/", {})
    with pytest.raises(UpstreamUnavailable):
        await client.patch("/", {}, "application/merge-patch+json")
    with pytest.raises(UpstreamUnavailable):
        await client.notify("/", {})
    assert calls == ["POST", "PATCH", "POST"]


async def test_a_50_mb_body_is_dropped_while_it_is_read(peer: Peer):
    """The cap holds during the transfer: most of the body is never received."""
    chunks = [b"x" * 65536] * 800
    peer.chunks = bytes_of(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n", *chunks)
    client = Endpoint("prometheus", peer.url, policy=HttpPolicy(max_bytes=MB))
    with pytest.raises(UpstreamTooLarge, match="1,048,576 bytes"):
        await client.get("/")
    await client.aclose()
    assert peer.sent < 10 * MB


async def test_a_body_announced_too_large_is_not_read(peer: Peer):
    """A content-length over the cap ends the call at once."""
    peer.chunks = bytes_of(b"HTTP/1.1 200 OK\r\ncontent-length: 52428800\r\n\r\n", b"x" * 1000, pause=1)
    client = Endpoint("prometheus", peer.url, policy=HttpPolicy(max_bytes=MB))
    with pytest.raises(UpstreamTooLarge, match="52,428,800 bytes"):
        await client.get("/")
    await client.aclose()


async def test_compressed_bodies_are_counted_after_decompression(upstream: Build):
    """100 MB that travel as 100 kB are still 100 MB."""
    bomb = gzip.compress(b" " * 100 * MB)
    response = httpx.Response(200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(bomb))
    with pytest.raises(UpstreamTooLarge):
        await upstream(lambda _: response).get("/")


async def test_broken_compression_is_garbled(upstream: Build):
    """A body that is not the gzip it says it is."""
    response = httpx.Response(200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(b"not gzip"))
    with pytest.raises(UpstreamGarbled):
        await upstream(lambda _: response).get("/")


async def test_a_dripping_answer_ends_at_the_deadline(peer: Peer):
    """A byte now and then resets read timeouts, not the deadline of the call."""
    peer.chunks = bytes_of(b"HTTP/1.1 200 OK\r\n\r\n", *[b" "] * 100, pause=0.1)
    client = Endpoint("tempo", peer.url, policy=HttpPolicy(timeout=0.4))
    started = asyncio.get_running_loop().time()
    with pytest.raises(UpstreamUnavailable, match=r"no answer within 0\.4 s"):
        await client.get("/")
    await client.aclose()
    assert asyncio.get_running_loop().time() - started < 1.5


async def test_the_deadline_covers_the_retries(peer: Peer):
    """A system that never answers costs one timeout, not three."""
    peer.chunks = bytes_of(b"", pause=5)
    client = Endpoint("tempo", peer.url, policy=HttpPolicy(timeout=0.3, retries=5))
    started = asyncio.get_running_loop().time()
    with pytest.raises(UpstreamUnavailable):
        await client.get("/")
    await client.aclose()
    assert asyncio.get_running_loop().time() - started < 1.0


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\nbad header"],
)
async def test_lost_connections_are_unavailable(peer: Peer, answer: bytes):
    """A connection that closes early, or speaks another protocol, is retried and then unavailable."""
    peer.chunks = bytes_of(answer)
    client = Endpoint("tempo", peer.url, policy=FAST)
    with pytest.raises(UpstreamUnavailable):
        await client.get("/")
    await client.aclose()
    assert peer.requests == 1 + FAST.retries


async def test_a_closed_port_is_unavailable():
    """Nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    client = Endpoint("prometheus", f"http://127.0.0.1:{port}", policy=FAST)
    with pytest.raises(UpstreamUnavailable, match="prometheus"):
        await client.get("/")
    await client.aclose()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A self-signed certificate for 127.0.0.1, key in the same file."""
    pem, key = tmp_path / "server.pem", tmp_path / "key.pem"
    subject = ["-subj", "/CN=peer", "-addext", "subjectAltName=IP:127.0.0.1"]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    argv = ["openssl", "req", "-x509", *curve, *subject, "-keyout", str(key), "-out", str(pem)]
    subprocess.run(argv, check=True, capture_output=True, timeout=30)
    pem.write_text(pem.read_text() + key.read_text())
    return pem


async def test_unknown_certificates_are_refused_until_trusted(certificate: Path):
    """A self-signed server is unavailable; its CA file, or the setting not to verify, makes it available."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(UpstreamUnavailable, match=r"(?i)certificate"):
            async with Endpoint("argocd", url, policy=FAST) as client:
                await client.get("/")
        for policy in (HttpPolicy(ca_file=certificate), HttpPolicy(verify_tls=False)):
            async with Endpoint("argocd", url, policy=policy) as client:
                assert await client.get("/") == {}


async def test_messages_are_short_and_hold_no_secrets(upstream: Build):
    """What a system says is capped, and redacted, before it is in an error."""
    body = {"message": "bad password=hunter2 in " + "x" * 10_000}
    with pytest.raises(UpstreamRejected) as caught:
        await upstream(lambda _: httpx.Response(400, json=body)).get("/")
    assert "hunter2" not in str(caught.value)
    assert len(str(caught.value)) <= MESSAGE_LIMIT


async def test_the_address_of_a_webhook_is_not_in_its_errors():
    """The path of a webhook is a secret."""
    client = Endpoint("pager", "http://127.0.0.1:9", policy=FAST)
    with pytest.raises(UpstreamUnavailable) as caught:
        await client.notify("/hooks/s3cr3t-path", {})
    await client.aclose()
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("url", ["prometheus:9090", "ftp://host", "", "http://", "http://[::1", "http://host:99999999"])
def test_addresses_that_are_none_are_misconfigured(url: str):
    """A wrong URL fails at construction and names the system."""
    with pytest.raises(Misconfigured, match="prometheus"):
        Endpoint("prometheus", url)


@pytest.mark.parametrize("token", ["two words", "new\nline", "schlüssel"])
def test_tokens_that_no_header_carries_are_misconfigured(token: str):
    """A token with a line break from a file is told at once, without showing it."""
    with pytest.raises(Misconfigured) as caught:
        Endpoint("argocd", "http://argocd.test", token=token)
    assert token not in str(caught.value)


def test_a_ca_file_that_is_none_is_misconfigured(tmp_path: Path):
    """The file is named."""
    (tmp_path / "ca.pem").write_text("not a certificate")
    for name in ("ca.pem", "absent.pem"):
        with pytest.raises(Misconfigured, match=name):
            Endpoint("argocd", "https://argocd.test", policy=HttpPolicy(ca_file=tmp_path / name))


def test_a_wrong_shape_names_the_field(upstream: Build):
    """The first field that is not as documented is in the message, its value is not."""
    shape = TypeAdapter(dict[str, int])
    with pytest.raises(UpstreamGarbled, match="at count") as caught:
        upstream(lambda _: httpx.Response(200)).parsed(shape, {"count": "s3cr3t"})
    assert "s3cr3t" not in str(caught.value)


async def test_readings_keep_redacted_output(upstream: Build, artifacts: MemoryArtifacts):
    """What goes to the artifact store has no secrets, and the digest leads to it."""
    client = upstream(lambda _: httpx.Response(200, json={"password": "hunter2", "name": "checkout"}))
    document = await client.document("/")
    reading = await client.reading(1, "GET /", document.raw)
    kept = await artifacts.get(reading.digest)
    assert json.loads(kept) == {"password": "[redacted]", "name": "checkout"}


async def test_half_characters_do_not_break_what_follows(upstream: Build):
    """JSON may escape half a surrogate pair; what is kept is valid UTF-8."""
    client = upstream(lambda _: httpx.Response(200, content=b'{"line": "caf\\ud800"}'))
    assert (await client.document("/")).value == {"line": "caf?"}
