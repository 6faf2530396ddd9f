"""Device protocols without I/O, the links they run over, and the one session loop."""
