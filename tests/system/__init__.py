"""The real daemon in a process of its own, far ends on pseudo-terminals, a real broker."""
