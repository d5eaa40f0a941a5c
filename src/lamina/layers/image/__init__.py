"""Layers that transform images, and the boxes, masks and labels of images."""
