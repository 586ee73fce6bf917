"""The paper's experiments run again: what is asked for (`protocol`), the paper's numbers (`paper`), ours from the rows of sweeps (`report`),
and runs that ship with a checkpoint (`shipped`)."""
