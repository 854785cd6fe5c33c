"""The search for an INT8 model that holds max_map_drop: recipes ordered by their output error, decided by mAP."""
