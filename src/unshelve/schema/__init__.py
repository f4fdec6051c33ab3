"""What a row looks like: fields with type, range, categories. Read schema.py first: it holds Schema and Field."""
