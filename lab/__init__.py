"""Play the main job on a demo shop, with real servers around it.

The package imports nothing of the product.
"""
