"""The command line: one file per command, or per group of commands.

Rules:

1. ``--version`` imports only the standard library, and ``--help`` adds click. A command's file is imported when the command is run
   or when its own help is shown, and a file imports what its commands need inside of their functions.
2. A command that needs an optional extra names it if it isn't installed.
3. Results go to standard output, everything else to standard error. What isn't shown on a terminal has no colours. ``--json``
   prints one JSON value, or one object per line for records.
4. A failure is one line on standard error that says what to do. The exit status is one of ``beam_dis.cli.exits``.
5. A command takes its connection from ``connection_options``, by the rules of a pipeline.
"""
