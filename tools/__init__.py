"""Tools for this repository: slides, hand-outs, execution of notebooks, checks."""
