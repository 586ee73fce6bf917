"""Pretrained language models: read from files of others, kept on this machine, loaded when they are asked for.

They are kept in the folder `language-models` of the state folder, and not beside the checkpoints: nobody trained them here, they have no world, and the folder of
checkpoints belongs to the program (it is committed, or read-only where the program is installed).
"""
