"""The oracle's training as work of its own: in a process (`worker`), its result kept on disk (`kept`). What is computed there: `editors/oracle.py`."""
