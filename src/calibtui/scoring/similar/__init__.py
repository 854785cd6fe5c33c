"""Whether a frame shows what a scored frame shows, so that its score may be taken over: off unless asked for.

A descriptor names candidates (`candidates`), a guard over every 8 × 8 block of the picture decides (`signature`,
`guard`, `lookup`), and a sample of what was taken over is asked again to see how often it was wrong (`audit`).
"""
