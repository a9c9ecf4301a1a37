"""Pages before the reader asks for them, and what is known without asking."""
