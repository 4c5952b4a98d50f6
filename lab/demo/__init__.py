"""The demo: the shop with real Prometheus and Alertmanager around it, and the product as any user would run it."""
