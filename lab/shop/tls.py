"""A certificate for the API server: kubectl sends its token only over TLS."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate for the loopback address, with its key."""

    certificate: Path
    key: Path


def loopback_certificate(folder: Path) -> Certificate | None:
    """Make a certificate in `folder` with the openssl command; None where there is no such command."""
    openssl = shutil.which("openssl")
    if openssl is None:
        return None
    made = Certificate(folder / "apiserver.crt", folder / "apiserver.key")
    subject = ["-subj", "/CN=shop-apiserver", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "365"]
    files = ["-keyout", str(made.key), "-out", str(made.certificate)]
    subprocess.run([openssl, "req", "-x509", *curve, *subject, *files], check=True, capture_output=True, timeout=30)
    made.key.chmod(0o600)
    return made
