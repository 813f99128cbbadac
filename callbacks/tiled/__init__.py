"""Writing documents to a journal and to Tiled, and reading experiments back."""
