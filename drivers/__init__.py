"""Device protocols without I/O, the links that they run over, and the session that runs any of them."""
