"""The model without language: it drives the same tools through the same loop, and takes over when an LLM fails.

`model` is the pydantic-ai model, `history` reads what has been seen so far out of the messages, `conduct` says what a
kind of run asks and concludes, `triage` is the conduct of an investigation.
"""
