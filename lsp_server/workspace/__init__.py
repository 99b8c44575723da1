"""Which other files go with an open one, found, read and watched.

May import `access`. Start at `workspace.Workspace`.
"""
