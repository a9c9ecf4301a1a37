"""Faults of a local DIS: values that say what goes wrong, the rules that count and draw, what becomes of a call.

Law: everything but ``answers.py``, which puts them on a connection, is pure or works on a call's own messages. Importing
the values loads no server.
"""
