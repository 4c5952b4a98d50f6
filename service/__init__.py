"""The running service: settings, store, API, worker, CLI."""
