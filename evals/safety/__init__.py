"""Injections: text from outside, in all the places it can stand, against a model that does whatever it is told.

`demands` what an attacker wants, `phrasing` and `disguises` how the text says and hides it, `payloads` all of them;
`attacker` the obedient model; `stage` the world and the product over it; `trial` one payload through the product;
`cards` whether what a reviewer is shown is what would run; `suite` all payloads and the report.
"""
