"""Customers walking the call graph; what they meet is computed from the live objects."""
