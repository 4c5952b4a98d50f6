"""What Prometheus scrapes: the programs' own metrics and those of cAdvisor, kube-state-metrics, Tempo and Argo CD."""
