"""Forward models, from a state of nature to what an instrument would show."""
