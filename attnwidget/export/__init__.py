"""What is written out of a view: a self-contained page, and a picture drawn without any drawing library."""
