"""In-memory doubles and conformance suites, part of the product."""
