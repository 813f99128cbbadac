"""What the data say: analysis of arrays, routers of documents, storage and pictures."""
