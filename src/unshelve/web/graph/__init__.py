"""The pipeline as a picture. Read layout.py first: it places the steps; drawing.py draws them."""
