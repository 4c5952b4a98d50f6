"""What the suites on the real cluster share: identities with the shipped RBAC, interruptions, and the report."""
