"""The shop on a real cluster: delivered by Argo CD from Git, its traffic simulated from what the cluster really is.

The services, who calls whom and what work costs are `lab.shop`'s; so are its customers and its metrics. Only what keeps
the objects differs: here a real API server, whose pods are seen through a mirror.
"""
