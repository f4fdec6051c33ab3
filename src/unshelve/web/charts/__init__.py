"""Charts as SVG, drawn on the server. Read figure.py first: it holds Figure, what every chart becomes."""
