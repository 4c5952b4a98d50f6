"""Paging people: PagerDuty Events API v2, or a plain JSON webhook."""
