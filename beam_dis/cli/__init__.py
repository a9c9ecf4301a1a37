"""The command line: one file a command.

Law: ``--help`` imports nothing but argparse; what a command needs is imported when it runs. A command whose extra isn't
installed says which one to install. Failures are one line on standard error and a non-zero exit.
"""
