"""Traces of the shop's requests and the query API of Grafana Tempo over them."""
