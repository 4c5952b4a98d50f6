"""One module per durable workflow; side effects live in workflows.activities."""
