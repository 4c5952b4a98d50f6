"""An in-memory Kubernetes: objects with versions, patches, controllers and a kubelet; no HTTP here."""
