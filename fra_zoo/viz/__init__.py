"""Pictures: curves, heatmap overlays, confusion matrices, annotated photos. Arrays in, image files out."""
