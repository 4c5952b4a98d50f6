"""Tempo: TraceQL searches, and traces reduced to errors, slow spans and the critical path."""
