"""Where images are kept: a seam, and stores that keep its promises."""
