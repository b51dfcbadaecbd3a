"""Who calls, how they prove it, and what they may do. `admission` is the face.

The spin path and all routes call it.
"""
