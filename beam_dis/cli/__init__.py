"""The command line: one file per command.

Rule 1: ``--help`` imports argparse and nothing that isn't in the standard library or this folder, so that it is quick. A command
imports what it needs when it runs.
Rule 2: a command that needs an optional extra names it if it isn't installed.
Rule 3: a failure is one line on standard error and a non-zero exit status.
"""
