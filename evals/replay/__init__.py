"""A recorded incident as the systems it was recorded from, on loopback, read only.

`kubernetes`, `argocd`, `alertmanager` and `tempo` answer over HTTP as the real servers do, as far as what a recording
holds can be asked; `prometheus` is the real one with the recorded samples in it. `site` brings them up together and
says by which settings the product finds them. Nothing here knows what the product will ask, or what is expected.
"""
