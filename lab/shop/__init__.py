"""The demo shop: eight services on an in-memory cluster, seen through the HTTP APIs of the real systems.

One process holds one state: Kubernetes objects, Git revisions and simulated customers. Latency and errors of the
traffic are computed from the live objects, so whatever changes the objects heals the shop or hurts it.

`cluster` is the API server's storage, the controllers and the kubelet; `traffic` the customers and the call graph;
`kubernetes`, `argocd` and `tempo` the HTTP faces; `failures` what can be made to go wrong; `control` the lab's own API.
"""
