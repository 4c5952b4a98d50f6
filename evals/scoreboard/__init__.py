"""`make evals`: every suite, its figures, a page to look at, and whether anything has become worse."""
