"""Steps, their graph, and running it. Read step.py first, then graph.py and run.py."""
