"""The hash by which a workload's owner tells one pod template from another."""

import hashlib
import json

from lab.shop.cluster.objects import Manifest, section, strings
from lab.shop.cluster.replica_sets import ALPHABET

LABEL = "pod-template-hash"


def template_hash(template: Manifest) -> str:
    """Ten characters that depend on everything in the template."""
    digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).digest()
    return "".join(ALPHABET[byte % len(ALPHABET)] for byte in digest[:10])


def labelled(template: Manifest, label: str, value: str) -> Manifest:
    """The template with one more label on its pods."""
    metadata = section(template, "metadata")
    labels = {**strings(metadata, "labels"), label: value}
    return {**template, "metadata": {**metadata, "labels": {**labels}}}
