"""A language's rules: where a line and a block end, how brackets and strings are told apart.

May import nothing but the names of languages. Start at `syntax.syntax_of`.
"""
