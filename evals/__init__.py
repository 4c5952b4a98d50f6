"""Offline suites: replay recorded incidents, score, report."""
