"""The pages and the API. Read app.py first, then routes.py."""
