"""What the toolkit itself costs, beside its peers and the least that a program could do.

`./dev bench` measures, and writes docs/performance.md; this package imports nothing until it is run.
"""
