"""What can only be seen on a GPU: cuML's engine, and how fast the whole job is."""
