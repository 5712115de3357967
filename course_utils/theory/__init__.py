"""Evaluation and theory of the models; training needs none of it."""
