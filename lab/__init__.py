"""The demo shop and the real servers around it; imports nothing of the product."""
