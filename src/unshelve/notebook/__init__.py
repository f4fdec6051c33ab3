"""Notebooks: read, made to run once, watched, understood, and lifted into a solution proven to compute the same.

Read `notebook.py` first: a Notebook is cells and top-level statements. `watched.py` is what a run of it showed,
`flow.py` which statement needs which, `lifted.py` the solution that comes of it.
"""
