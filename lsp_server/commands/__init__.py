"""The verbs of the command line.

May import everything. Start at `verbs`.
"""
