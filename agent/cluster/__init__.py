"""Typed, read-only views of Kubernetes objects, and what follows from them alone: ownership, selection, placement."""
