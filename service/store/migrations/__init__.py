"""Schema history, forward and back. Applied versions are kept in the table `schema_migrations`."""
