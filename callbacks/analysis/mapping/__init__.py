"""Maps: from spectra and frames of a raster to composition, strain and tilt, and how maps go together."""
