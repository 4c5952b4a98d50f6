"""Argo CD: applications, their trees and differences; syncs and rollbacks that happen once."""
