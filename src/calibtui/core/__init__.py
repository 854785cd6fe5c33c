"""The nouns of the product: frames, boxes, scores, money, errors. Imports nothing else of ours."""
