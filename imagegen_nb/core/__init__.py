"""The ground everything stands on: plain values, templates, images, events, and text made safe."""
