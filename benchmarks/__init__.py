"""`make bench`: the product's numbers on this machine, as a report. Imports lab and product; nothing imports it."""
