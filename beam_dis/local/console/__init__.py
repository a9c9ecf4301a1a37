"""The console: pages of a running local DIS for a browser on this machine.

Rules:

1. Every page but the static files needs the token of the console, and every change comes from a page of the console (``access``).
2. A page reads the store and the parts of the server directly, never over HTTP.
3. The work of a page is bounded, whatever the number of streams, partitions and records: it shows a part, and leads to the rest.
4. Texts of others are escaped, and characters that change how a text looks are shown by name (``visible``).
5. A page is complete without JavaScript. With it, pages refresh themselves and rates are drawn.
"""
