"""One package per outside system. Reads and writes are apart: `read`, `preview`, `write` modules.

`http` holds the one client policy, `reading` what every read returns, `artifacts` where raw outputs go. Only the
activities that execute an approved plan import a `write` module.
"""
