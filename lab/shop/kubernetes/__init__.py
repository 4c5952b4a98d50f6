"""The Kubernetes API over HTTP: discovery, reads, watches, writes, logs; as kubectl and client libraries expect it."""
