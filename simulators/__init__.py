"""The far ends of the wires: simulated hardware, customers, and a whole lobby to run the daemon against."""
