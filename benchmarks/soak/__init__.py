"""What shows itself only after a long time or much violence, on the real server over its pipes.

`kills` ends servers at random moments while they read and write, `typing` types for hours in little
time, `crowd` opens a workspace of a hundred thousand files. Tests use all three, smaller.
"""
