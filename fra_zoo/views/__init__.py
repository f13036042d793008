"""Views: what an augmentation is, and its batched execution."""
