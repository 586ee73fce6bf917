"""The Gallery page: views that people of this server have saved with a title."""
