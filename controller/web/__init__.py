"""The web pages, served by the daemon: pages, their live views, an HTTP API, and who may do what."""
