"""From bytes to pixels: opening, decoding and caching images."""
