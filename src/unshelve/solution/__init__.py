"""A solution from its file to its release: declared, checked, run, gated, proved, released. Read declaration.py first."""
