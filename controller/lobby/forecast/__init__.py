"""What is likely to come: how long people will wait, and how many windows are needed."""
