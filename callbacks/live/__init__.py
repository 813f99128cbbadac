"""Document routers that feed the analysis and hand its results on."""
