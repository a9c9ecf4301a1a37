"""Faults of a local DIS: values that say what goes wrong, and the rules that choose the calls that they hit.

Nothing here sends or breaks an answer: ``local/http/fault_injector.py`` does. Importing the values loads no server.
"""
