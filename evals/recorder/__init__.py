"""A live incident as a recorded one: what the configured systems say of it now, without secrets.

It reads through the product's own readers, which redact before anything else sees an answer, and goes over all of it
once more at the end (`scrubbing`). `applications.json` is beyond the format: what Argo CD says of its applications.
"""
