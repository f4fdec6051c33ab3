"""The JSON API beside the pages: what exists and happens here, for programs. Predictions are answered elsewhere."""
