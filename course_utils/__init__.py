"""The small package behind the notebooks: objectives, models, training, plots, widgets."""
