"""The pages: each handler reads a request, asks a lower floor, fills a view and renders it."""
